"""The calling side: opening a stream to whoever listens at a hybrid connection."""

from __future__ import annotations

import asyncio
import ssl
import uuid

from relay_bridge.protocol.addresses import AUTH_HEADER, connect_address
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import ConnectionStringError, RelayUnavailable
from relay_bridge.transport.credentials import Credential, credential_of
from relay_bridge.transport.dial import OPEN_TIMEOUT, open_websocket
from relay_bridge.transport.streams import KEEP_ALIVE, MAX_MESSAGE, MAX_QUEUED, RelayStream


class RelaySender:
    """Opens streams to the listener of ``connection``. Holds no socket itself; may be used by many tasks at once.

    ``credential``: where tokens come from; by default the key or signature in the connection string.
    ``ssl_context``: for a relay whose certificate a private authority signed. ``proxy``: URL of an HTTP proxy.
    """

    def __init__(
        self,
        connection: ConnectionString,
        *,
        credential: Credential | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | None = None,
    ) -> None:
        if connection.entity_path is None:
            raise ConnectionStringError("the connection string lacks EntityPath: which hybrid connection to call")
        self.connection = connection
        self._entity_path = connection.entity_path
        self._credential = credential or credential_of(connection)
        self._ssl_context = ssl_context
        self._proxy = proxy

    async def connect(self, timeout: float = OPEN_TIMEOUT, *, suffix: str = "", query: str = "") -> RelayStream:
        """A stream to a listener, within ``timeout`` seconds (the relay itself waits up to 30 s for one to accept).

        Raises ``AuthorizationFailed`` (401, 403), ``EndpointNotFound`` (404: nobody listens just now, or there is no
        such hybrid connection; retryable), ``ListenerRejected`` (the listener said no; retryable when it is busy),
        ``RelayUnavailable`` (everything else; retryable).
        """
        identifier = str(uuid.uuid4())
        cs = self.connection
        address = connect_address(
            cs.host, cs.port, cs.use_tls, self._entity_path, identifier, suffix=suffix, query=query
        )
        headers = {AUTH_HEADER: self._credential.token()} if self._credential else {}
        try:
            async with asyncio.timeout(timeout):
                socket = await open_websocket(
                    address,
                    side="sender",
                    headers=headers,
                    ssl_context=self._ssl_context,
                    proxy=self._proxy,
                    open_timeout=timeout,
                    ping_interval=KEEP_ALIVE,
                    max_size=MAX_MESSAGE,
                    max_queue=MAX_QUEUED,
                )
        except TimeoutError as error:
            raise RelayUnavailable(0, f"the relay at {cs.host} did not answer within {timeout:g} s") from error
        return RelayStream(socket, remote_id=identifier, suffix=suffix, query=query)
