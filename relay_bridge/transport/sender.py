"""The calling side: opening a stream to whoever listens at a hybrid connection, and sending HTTP requests to it."""

from __future__ import annotations

import asyncio
import functools
import ssl
import uuid
from collections.abc import AsyncIterable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from relay_bridge.protocol.addresses import AUTH_HEADER, authority, connect_address, http_address
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import AuthorizationFailed, ConnectionStringError, RelayUnavailable
from relay_bridge.protocol.limits import RESPONSE_DEADLINE, RESPONSE_IDLE
from relay_bridge.transport.credentials import Credential, credential_of, current_token, reload_key
from relay_bridge.transport.dial import OPEN_TIMEOUT, open_connection, open_websocket
from relay_bridge.transport.http_connection import HttpConnection
from relay_bridge.transport.http_exchange import Exchange
from relay_bridge.transport.http_messages import HeaderPairs, Headers
from relay_bridge.transport.http_pool import MAX_CONNECTIONS, HttpPool
from relay_bridge.transport.proxy import parse_proxy
from relay_bridge.transport.request_head import request_head
from relay_bridge.transport.streams import KEEP_ALIVE, MAX_MESSAGE, RelayStream, check_max_message, queue_for
from relay_bridge.transport.subprotocols import check_subprotocols

_TARGETS_KEPT: Final = 64  # checked request targets; most senders ask for the same few again and again


class RelaySender:
    """Calls the listener of ``connection``, by streams and by HTTP requests. May be used by many tasks of one loop.

    ``credential``: where tokens come from; by default the key or signature in the connection string. One that can
    ``reload`` its key is asked to when the relay refuses a token, and the attempt made once more with the new key.
    ``ssl_context``: for a relay whose certificate a private authority signed. ``proxy``: URL of an HTTP proxy.
    ``max_connections``: HTTP requests at once; more of them wait for their turn.

    Streams have a socket each and outlive the sender. Connections of HTTP requests are kept for the next one: ``close``
    the sender at the end, or use it in ``async with``.
    """

    def __init__(
        self,
        connection: ConnectionString,
        *,
        credential: Credential | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        if connection.entity_path is None:
            raise ConnectionStringError("the connection string lacks EntityPath: which hybrid connection to call")
        self.connection = connection
        self._entity_path = connection.entity_path
        self._credential = credential or credential_of(connection)
        self._ssl_context = ssl_context
        self._proxy = proxy
        self._via = parse_proxy(proxy) if proxy else None
        self._max_connections = max_connections
        self._authority = authority(connection.host, connection.port, connection.use_tls)
        self._target_of = functools.lru_cache(maxsize=_TARGETS_KEPT)(functools.partial(_make_target, connection))
        self._pool: HttpPool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections of HTTP requests, those still running too, within about two seconds. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def connect(
        self,
        timeout: float = OPEN_TIMEOUT,
        *,
        suffix: str = "",
        query: str = "",
        subprotocols: Sequence[str] = (),
        max_message: int = MAX_MESSAGE,
    ) -> RelayStream:
        """A stream to a listener, within ``timeout`` seconds (the relay itself waits up to 30 s for one to accept).

        ``subprotocols``: offered to the listener, the preferred one first; ``RelayStream.subprotocol`` is what it
        chose, and may be none of them. ``max_message``: bytes of one message, in either direction.

        Raises ``AuthorizationFailed`` (401, 403), ``EndpointNotFound`` (404: nobody listens just now, or there is no
        such hybrid connection; retryable), ``ListenerRejected`` (the listener said no; retryable when it is busy),
        ``RelayUnavailable`` (everything else; retryable).
        """
        open_stream = functools.partial(
            self._open_stream, timeout, suffix, query, check_subprotocols(subprotocols), check_max_message(max_message)
        )
        try:
            async with asyncio.timeout(timeout):
                try:
                    return await open_stream()
                except AuthorizationFailed:
                    if not reload_key(self._credential):
                        raise
                    return await open_stream()
        except TimeoutError as error:
            raise RelayUnavailable(
                0, f"the relay at {self.connection.host} did not answer within {timeout:g} s"
            ) from error

    def request(
        self,
        method: str,
        suffix: str = "",
        *,
        query: str = "",
        headers: HeaderPairs | Headers = (),
        body: bytes | bytearray | memoryview | AsyncIterable[bytes] = b"",
        timeout: float = RESPONSE_DEADLINE,
        idle_timeout: float = RESPONSE_IDLE,
    ) -> Exchange:
        """An HTTP request to a listener::

            async with sender.request("POST", "tanks/7", query="unit=m", body=b"...") as response:
                response.status, response.headers["content-type"], await response.read()

        ``suffix`` and ``query`` stand behind the hybrid connection's path byte for byte, percent-encoded already.
        ``body``: bytes, or an async iterable that is sent in chunks as it comes. ``timeout``: seconds until the answer
        begins, counted from the latest piece of the body that the relay took. ``idle_timeout``: seconds without
        anything new of either body. The relay itself gives up after 60 s without an answer, and within one.

        Whatever the listener answers is a response, 404 and 500 too; no redirect is followed. What the relay answers
        itself is raised: ``AuthorizationFailed``, ``EndpointNotFound`` (nobody listens just now), ``RelayTimeout``,
        ``RelayUnavailable``, ``RequestRefused``; and ``AddressError`` and ``HttpMessageError`` for what cannot be sent.
        A caller's own ``Authorization`` header goes to the listener; the relay's token travels in another.
        """
        length: int | None = None
        if isinstance(body, (bytes, bytearray, memoryview)):
            body = bytes(body)
            length = len(body)
        elif not isinstance(body, AsyncIterable):
            raise TypeError("the body of a request is bytes or an async iterable of bytes")

        async def make_head() -> bytes:
            target = self._target_of(suffix, query)
            token = await current_token(self._credential) if self._credential else ""
            return request_head(method, target, host=self._authority, headers=headers, token=token, body_length=length)

        return Exchange(
            self._connections(),
            method,
            make_head,
            body,
            timeout=timeout,
            idle_timeout=idle_timeout,
            reload=lambda: reload_key(self._credential),
        )

    async def _open_stream(
        self, timeout: float, suffix: str, query: str, subprotocols: Sequence[str], max_message: int
    ) -> RelayStream:
        identifier = str(uuid.uuid4())
        cs = self.connection
        address = connect_address(
            cs.host, cs.port, cs.use_tls, self._entity_path, identifier, suffix=suffix, query=query
        )
        headers = {AUTH_HEADER: await current_token(self._credential)} if self._credential else {}
        socket = await open_websocket(
            address,
            side="sender",
            headers=headers,
            ssl_context=self._ssl_context,
            proxy=self._proxy,
            open_timeout=timeout,
            ping_interval=KEEP_ALIVE,
            max_size=max_message,
            max_queue=queue_for(max_message),
            subprotocols=subprotocols,
        )
        return RelayStream(socket, remote_id=identifier, suffix=suffix, query=query, max_message=max_message)

    def _connections(self) -> HttpPool:
        if self._pool is None:
            self._pool = HttpPool(self._open_connection, self.connection.host, max_connections=self._max_connections)
        elif self._pool.loop is not asyncio.get_running_loop():
            raise RuntimeError("this sender's connections belong to another event loop: make a sender for each loop")
        return self._pool

    async def _open_connection(self, lost: Callable[[HttpConnection], None]) -> HttpConnection:
        cs = self.connection
        return await open_connection(
            lambda: HttpConnection(cs.host, lost),
            cs.host,
            cs.port,
            cs.use_tls,
            ssl_context=self._ssl_context,
            proxy=self._via,
        )


def _make_target(cs: ConnectionString, suffix: str, query: str) -> str:
    """Path and query as they stand on the request line."""
    address = http_address(cs.host, cs.port, cs.use_tls, cs.entity_path or "", suffix=suffix, query=query)
    return address[address.index("/", len("https://")) :]
