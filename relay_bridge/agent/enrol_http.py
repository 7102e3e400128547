"""One POST to the web app, the only HTTP that the agent ever speaks to it: verified TLS, bounded, no redirects."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httptools

from relay_bridge.contract.enrolment import MAX_MESSAGE

REQUEST_DEADLINE = 15.0  # seconds from dialling to the last byte
MAX_HEAD = 16 * 1024  # bytes of an answer's head and of what stands between chunks
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class EnrolError(Exception):
    """Nothing was enrolled. The text is one sentence that says what to do."""


class Unreachable(EnrolError):  # noqa: N818 - a state, not a fault
    """No answer this time; another try may have one."""


@dataclass(frozen=True)
class Reply:
    """``retry_after`` in seconds, 0 when the answer names none."""

    status: int
    body: bytes
    retry_after: int = 0


@dataclass(frozen=True)
class WebAppAddress:
    """Where the web app is. ``origin`` as a browser would write it, without a default port."""

    origin: str
    host: str
    port: int
    context: ssl.SSLContext | None  # None: plain HTTP on this very machine


def read_address(url: str, ca: Path | None = None) -> WebAppAddress:
    """``https://HOST[:PORT]``; plain ``http`` for loopback alone. ``ca``: trust this authority and no other.

    ``EnrolError`` for anything else. There is no way to switch the check of the certificate off.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        raise EnrolError("Give the web app's address as https://HOST or https://HOST:PORT, with nothing behind it.")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise EnrolError("The web app is asked over https only: what it answers decides whom this agent trusts.")
    if parts.scheme not in {"http", "https"}:
        raise EnrolError("Give the web app's address as https://HOST or https://HOST:PORT.")
    usual = 443 if parts.scheme == "https" else 80
    shown = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{shown}" + ("" if port in {None, usual} else f":{port}")
    return WebAppAddress(origin, host, port or usual, _context(ca) if parts.scheme == "https" else None)


async def post(address: WebAppAddress, path: str, body: bytes, deadline: float = REQUEST_DEADLINE) -> Reply:
    """Send ``body`` (JSON) and answer what came. ``Unreachable`` when nothing did, ``EnrolError`` for nonsense."""
    try:
        async with asyncio.timeout(deadline):
            return await _exchange(address, path, body)
    except TimeoutError:
        raise Unreachable(f"The web app at {address.host} did not answer within {deadline:g} s.") from None
    except ssl.SSLCertVerificationError as error:
        raise EnrolError(
            f"The certificate of {address.host} is not trusted here ({error.verify_message}). Check the address and "
            "this machine's clock; for an authority of your own, name its file with --ca."
        ) from None
    except ssl.SSLError as error:
        raise EnrolError(f"No TLS with {address.host}: {error.reason or 'it does not speak TLS'}.") from None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Unreachable(f"The web app at {address.host}:{address.port} cannot be reached: {why}.") from None


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    except (OSError, ssl.SSLError):
        raise EnrolError(f"--ca: {ca} holds no certificates in PEM form, or cannot be read.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _exchange(address: WebAppAddress, path: str, body: bytes) -> Reply:
    reader, writer = await asyncio.open_connection(address.host, address.port, ssl=address.context)
    try:
        head = [
            f"POST {path} HTTP/1.1",
            f"Host: {address.origin.partition('://')[2]}",
            "Content-Type: application/json",
            "Accept: application/json",
            "Accept-Encoding: identity",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode("ascii") + body)
        await writer.drain()
        return await _read(reader, address)
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader, address: WebAppAddress) -> Reply:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    size = 0
    while not answer.complete:
        data = await reader.read(16 * 1024)
        if not data:
            break
        size += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise EnrolError(f"What answers at {address.host} is no web app: it speaks no proper HTTP.") from None
        if size > MAX_MESSAGE + MAX_HEAD:
            raise EnrolError(f"What answers at {address.host} is no Sightline web app: its answer is too large.")
    if not answer.complete:
        raise Unreachable(f"The web app at {address.host} broke off in the middle of its answer.")
    status = parser.get_status_code()
    if 300 <= status < 400:
        raise EnrolError(f"{address.origin} sends elsewhere, which is not followed: give the web app's own address.")
    return Reply(status, b"".join(answer.chunks), answer.retry_after)


class _Answer:
    """What the parser has heard; how long it may be is the reader's business."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.complete = False
        self.retry_after = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.isdigit():
            self.retry_after = min(int(value[:6]), 3600)

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        self.complete = True
