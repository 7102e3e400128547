"""HTTP proxies on the way to the relay: reading their URL, and asking one for a tunnel (CONNECT).

Everything goes through a tunnel, plain ``ws://`` and ``http://`` too: a proxy is told the relay's host and port and
never sees a request of ours, in which the token stands. What is not under TLS inside the tunnel it could still read;
that is for a relay on the same machine. The name and password in a proxy's URL go to the proxy alone.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import quote, unquote, urlsplit

import httptools

from relay_bridge.protocol.errors import AddressError, RelayUnavailable

MAX_ANSWER: Final = 16_384  # bytes of a proxy's answer to CONNECT; its error pages are not read to the end
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_URL: Final = 2_048  # characters


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy. ``repr`` and ``place`` show neither name nor password."""

    host: str
    port: int
    use_tls: bool = False  # TLS to the proxy itself; the relay's own TLS runs inside the tunnel in any case
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again, with the password in it: for the WebSocket library, never for a log."""
        scheme = "https" if self.use_tls else "http"
        login = "" if self.user is None else f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return f"{scheme}://{login}{self.place}"

    def connect_request(self, host: str, port: int) -> bytes:
        """The bytes that ask for a tunnel to ``host`` and ``port`` (RFC 9110, 9.3.6)."""
        target = f"{_bracketed(host)}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if self.user is not None:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {login}")
        return "\r\n".join([*lines, "", ""]).encode()

    def refusal(self, status: int, target: str) -> RelayUnavailable:
        """The error for an answer to CONNECT that opens no tunnel to ``target`` (``host:port``)."""
        if status == 407:
            login = "does not take the name and password in its URL" if self.user else "wants a name and a password"
            sentence = f"the proxy at {self.place} {login} (407); they belong into its URL as http://NAME:PASSWORD@HOST"
        elif status == 403:
            sentence = f"the proxy at {self.place} does not allow connections to {target} (403): ask who runs it"
        elif status >= 500:
            sentence = f"the proxy at {self.place} cannot reach {target} ({status})"
        else:
            sentence = f"the proxy at {self.place} opens no tunnel to {target} ({status}): is it an HTTP proxy?"
        return RelayUnavailable(0, sentence, retryable=status not in {403, 407})

    def junk(self) -> RelayUnavailable:
        """The error for an answer that is no HTTP, or none at all."""
        return RelayUnavailable(0, f"what answers at {self.place} is no HTTP proxy: it did not answer as one")


def parse_proxy(url: str) -> Proxy:
    """Read ``http[s]://[NAME:PASSWORD@]HOST[:PORT]``. Raises ``AddressError``, which does not repeat the URL."""
    form = "a proxy is given as http://[NAME:PASSWORD@]HOST[:PORT] or https://…"
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
        user = None if split.username is None else unquote(split.username, errors="strict")
        password = unquote(split.password or "", errors="strict")
    except ValueError:
        raise AddressError(f"{form}; this one cannot be read") from None
    if split.scheme not in _DEFAULT_PORTS:
        raise AddressError(f"{form}; other kinds (SOCKS) are not supported")
    if not host or port == 0 or split.path not in {"", "/"} or split.query or split.fragment or len(url) > _MAX_URL:
        raise AddressError(form)
    if not f"{user or ''}{password}{host}".isprintable() or ":" in (user or "") or not url.isascii():
        raise AddressError(f"{form}; characters outside ASCII, and ':' in the name, are percent-encoded or impossible")
    return Proxy(host, port or _DEFAULT_PORTS[split.scheme], split.scheme == "https", user, password)


async def open_tunnel(proxy: Proxy, host: str, port: int, ssl_context: ssl.SSLContext) -> asyncio.Transport:
    """A connection to ``host`` and ``port`` by way of ``proxy``; nothing of TLS with the relay has happened on it yet.

    ``ssl_context``: for TLS with the proxy itself, if its URL says https. Has no deadline of its own. Raises
    ``RelayUnavailable`` for what the proxy said, and ``OSError`` when it cannot be reached.
    """
    loop = asyncio.get_running_loop()
    transport, answer = await loop.create_connection(
        lambda: _ConnectAnswer(proxy, f"{_bracketed(host)}:{port}"),
        proxy.host,
        proxy.port,
        ssl=ssl_context if proxy.use_tls else None,
    )
    try:
        transport.write(proxy.connect_request(host, port))
        await answer.opened
    except BaseException:
        transport.abort()
        raise
    return transport


class _ConnectAnswer(asyncio.Protocol):
    """What the proxy says to CONNECT. ``opened`` is done when the tunnel stands, or holds the error."""

    def __init__(self, proxy: Proxy, target: str) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._proxy = proxy
        self._target = target
        self._transport: asyncio.Transport | None = None
        self._room = MAX_ANSWER
        self._status = 0
        self._tail = False  # something came after the answer's head
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            # A relay never speaks first: what comes now was put there by the proxy.
            cast(asyncio.Transport, self._transport).abort()
            return
        self._room -= len(data)
        try:
            cast(httptools.HttpResponseParser, self._parser).feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._settle(self._proxy.junk())
            return
        if self._status >= 300:
            self._settle(self._proxy.refusal(self._status, self._target))
        elif self._tail or self._room < 0:
            self._settle(self._proxy.junk())
        elif self._status:
            self._settle(None)

    def on_headers_complete(self) -> None:
        status = cast(httptools.HttpResponseParser, self._parser).get_status_code()
        self._status = status if status >= 200 else 0

    def on_body(self, data: bytes) -> None:
        self._tail = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(self._proxy.junk())
        self._parser = self._transport = None  # the parser and this object hold each other

    def _settle(self, error: Exception | None) -> None:
        if self.opened.done():
            return
        if error is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(error)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
