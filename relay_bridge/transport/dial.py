"""Opening one connection to the relay, for WebSocket or HTTP; what can go wrong becomes one of our own errors."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
    ProxyError,
    WebSocketException,
)
from websockets.typing import Subprotocol

from relay_bridge.protocol.addresses import host_of
from relay_bridge.protocol.errors import AddressError, RelayError, RelayUnavailable, Side, refusal
from relay_bridge.transport.proxy import Proxy, open_tunnel, parse_proxy

OPEN_TIMEOUT: Final = 5.0  # seconds for name, TCP, TLS and handshake; a frozen relay must not hold us longer
CLOSE_TIMEOUT: Final = 1.0  # seconds for the closing handshake; then the socket is simply dropped
_USER_AGENT: Final = "Sightline-Relay-Client"

P = TypeVar("P", bound=asyncio.BaseProtocol)

# The library's debug log shows whole handshakes, and in them the token. It stays off whatever the program's level is.
_library_logger = logging.getLogger("relay_bridge.transport.websocket")
_library_logger.setLevel(logging.INFO)


@functools.cache
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()  # read once: it parses every authority of the system


def tls_context(ssl_context: ssl.SSLContext | None) -> ssl.SSLContext:
    """``ssl_context``, or the system's trust. Both check the certificate and the host name, and want TLS 1.2."""
    return ssl_context or _system_trust()


class _connect(connect):  # noqa: N801 - named like what it refines
    """Follows no redirect: the library would repeat our ``ServiceBusAuthorization`` to whatever host is named."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def open_websocket(
    address: str,
    *,
    side: Side,
    headers: Mapping[str, str] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    open_timeout: float = OPEN_TIMEOUT,
    ping_interval: float | None = None,
    max_size: int | tuple[int | None, int | None],
    max_queue: int,
    subprotocols: Sequence[str] = (),
) -> ClientConnection:
    """Open ``address`` (``ws://`` or ``wss://``). Raises ``RelayRefused`` and its subclasses, or ``AddressError``.

    ``ssl_context``: for a private authority; None takes the system's. ``proxy``: URL of an HTTP proxy; None goes
    direct, whatever the environment says. ``ws://`` too goes through a tunnel, so no proxy sees our headers as its own.
    Compression is never offered: what we carry is sealed and does not shrink. ``subprotocols``: those that are
    offered; the relay naming another one is refused.
    """
    place = host_of(address)
    via = parse_proxy(proxy) if proxy else None  # read here: the library's own complaint would repeat the password
    options: dict[str, Any] = {}
    if via is not None and via.use_tls:
        options["proxy_ssl"] = tls_context(ssl_context)
    try:
        return await _connect(
            address,
            additional_headers=dict(headers or {}),
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            user_agent_header=_USER_AGENT,
            compression=None,
            proxy=None if via is None else via.url,
            open_timeout=open_timeout,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=ping_interval,
            ping_timeout=ping_interval,
            max_size=max_size,
            max_queue=max_queue,
            logger=_library_logger,
            ssl=tls_context(ssl_context) if address.startswith("wss:") else None,
            **options,
        )
    except InvalidStatus as error:
        raise refusal(error.response.status_code, error.response.reason_phrase, side) from error
    except (OSError, UnicodeError, WebSocketException, EOFError) as error:
        raise unreachable(error, place, open_timeout, via) from error


async def open_connection(
    make: Callable[[], P],
    host: str,
    port: int,
    use_tls: bool,
    *,
    ssl_context: ssl.SSLContext | None = None,
    proxy: Proxy | None = None,
    open_timeout: float = OPEN_TIMEOUT,
) -> P:
    """A connection to ``host`` and ``port`` for a protocol of ``make``, TLS done. Raises ``RelayUnavailable``."""
    loop = asyncio.get_running_loop()
    context = tls_context(ssl_context)
    tls: dict[str, Any] = {}
    if use_tls:
        tls = {"ssl_handshake_timeout": open_timeout, "ssl_shutdown_timeout": CLOSE_TIMEOUT, "server_hostname": host}
    try:
        async with asyncio.timeout(open_timeout):
            if proxy is None:
                _, protocol = await loop.create_connection(make, host, port, ssl=context if use_tls else None, **tls)
                return protocol
            transport = await open_tunnel(proxy, host, port, context)
            try:
                protocol = make()
                transport.set_protocol(protocol)
                if use_tls:
                    inner = await loop.start_tls(transport, protocol, context, **tls)
                    transport = cast(asyncio.Transport, inner)
            except BaseException:
                transport.abort()
                raise
            protocol.connection_made(transport)
            return protocol
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that can be none
        raise unreachable(error, host, open_timeout, proxy) from error


def unreachable(error: Exception, place: str, open_timeout: float, proxy: Proxy | None = None) -> RelayError:
    """The error for a connection that never got an answer. Order matters: TimeoutError and SSLError are OSErrors."""
    if isinstance(error, RelayError):
        return error
    if isinstance(error, InvalidURI):
        return AddressError(f"the address of the relay at {place} cannot be dialled")
    if isinstance(error, TimeoutError):
        return _unavailable(f"the relay at {place} did not answer within {open_timeout:g} s")
    if isinstance(error, ssl.SSLCertVerificationError):
        return _unavailable(
            f"the certificate of the relay at {place} is not trusted here ({error.verify_message}); "
            "give the authority that signed it, and check this machine's clock"
        )
    if isinstance(error, ssl.SSLError):
        return _unavailable(f"no TLS with the relay at {place} ({error.reason}); does it speak TLS on this port?")
    if isinstance(error, ProxyError) and proxy is not None:
        status = error.response.status_code if isinstance(error, InvalidProxyStatus) else 0
        return proxy.refusal(status, f"the relay at {place}") if status else proxy.junk()
    if proxy is not None and isinstance(error, ConnectionRefusedError):
        return _unavailable(f"nothing listens at the proxy's address {proxy.place}: is it running, is the port right?")
    if proxy is not None and isinstance(error, socket.gaierror):
        return _unavailable(f"the name of the proxy at {proxy.place} cannot be found ({error.strerror})")
    if isinstance(error, ConnectionRefusedError):
        return _unavailable(f"nothing listens at the relay's address {place}: is the relay running, is the port right?")
    if isinstance(error, InvalidMessage | EOFError | ConnectionClosed | ConnectionError):
        return _unavailable(f"the relay at {place} broke the connection before it answered")
    if isinstance(error, NegotiationError):
        return _unavailable(f"the relay at {place} named a subprotocol or an extension that was not offered")
    if isinstance(error, InvalidHandshake):
        return _unavailable(f"what answers at {place} is no relay ({type(error).__name__})")
    if isinstance(error, OSError):
        return _unavailable(f"the relay at {place} cannot be reached ({error.strerror or error})")
    return _unavailable(f"the relay at {place} cannot be used ({type(error).__name__})")


def _unavailable(sentence: str) -> RelayUnavailable:
    return RelayUnavailable(0, sentence)


def abort(connection: ClientConnection) -> None:
    """Drop the socket without a word, for a peer that no longer answers."""
    connection.transport.abort()


async def close_quietly(connection: ClientConnection, code: int, reason: str) -> None:
    """The closing handshake, for at most ``CLOSE_TIMEOUT`` seconds; then the socket is dropped. Raises nothing."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT * 2):
            await connection.close(code, reason[:120])
    except (TimeoutError, OSError, WebSocketException):
        abort(connection)
    except asyncio.CancelledError:
        abort(connection)
        raise
