"""One life of a connection to a process server: opened once, used, abandoned. A new one is made for every attempt.

Reconnecting an asyncua client can leave it connected without data, so nothing here is ever opened twice, and
neither the library's own supervisor nor its subscription objects run: they would work beside ours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState
from asyncua.crypto import security_policies, uacrypto

from relay_bridge.agent.drivers.opcua.certificates import (
    OURS,
    PINNED,
    SHOWN,
    Expiry,
    expiry_of,
    first_certificate,
    load_identity,
    load_pin,
)
from relay_bridge.agent.drivers.opcua.deadlines import (
    CHANNEL_LIFETIME_MS,
    CHANNEL_RENEW_SHARE,
    CHANNEL_SHORTEST,
    CLOSE_DEADLINE,
    HELLO_DEADLINE,
    LIBRARY_DEADLINE,
    REQUEST_DEADLINE,
    SESSION_TIMEOUT_MS,
    SOCKET_DEADLINE,
    within,
)
from relay_bridge.agent.drivers.opcua.limits import LIMIT_NODES, OperationLimits, limits_from
from relay_bridge.agent.drivers.opcua.problems import UNTRUSTED, SourceLost, words
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings

logger = logging.getLogger(__name__)
APPLICATION = "Sightline site agent"
MAX_MESSAGE, MAX_CHUNKS = 64 * 1024 * 1024, 4096  # bytes and pieces of one answer: told to the server in the hello
INSECURE_URI = "urn:sightline:site-agent"  # our application URI where there is no certificate to take it from
SPLIT_CODES = frozenset(
    {
        0x80100000,  # BadTooManyOperations
        0x80B80000,  # BadRequestTooLarge
        0x80B90000,  # BadResponseTooLarge
        0x80080000,  # BadEncodingLimitsExceeded
    }
)
_NAMESPACES = ua.NodeId(ua.ObjectIds.Server_NamespaceArray)
T = TypeVar("T")
R = TypeVar("R")


class Connection:
    """A channel with a session in it. Every method raises ``SourceLost`` when the connection is of no use any more."""

    def __init__(self, settings: OpcUaSettings) -> None:
        self._settings = settings
        self._client = self._fresh_client()
        self.namespaces: list[str] = []
        self.limits = OperationLimits()
        self.expiries: list[Expiry] = []  # of the certificates in use
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def session(self) -> Any:
        """asyncua's session: the service calls."""
        return self._client.uaclient.session

    @property
    def is_open(self) -> bool:
        """Whether the transport is there, as far as this side can know."""
        protocol = self._client.uaclient.protocol
        return protocol is not None and not protocol.is_closed

    async def open(self) -> None:
        """Connect, secure, sign in and learn the server's namespaces and limits."""
        client = self._client
        doing = "preparing the connection"
        try:
            if self._settings.security != "None":
                await self._secure(client)
            doing = "opening the connection"
            await within(SOCKET_DEADLINE, client.connect_socket(), doing)
            await within(HELLO_DEADLINE, _hello(client), doing)
            doing = "opening the secure channel"
            await within(REQUEST_DEADLINE, client.open_secure_channel(), doing)
            doing = "opening the session"
            await within(REQUEST_DEADLINE, client.create_session(), doing)
            doing = "signing in"
            sign_in = client.activate_session(username=self._settings.user, password=self._settings.password)
            await within(REQUEST_DEADLINE, sign_in, doing)
            doing = "reading what the server can do"
            await self._learn()
        except SourceLost:
            raise
        except Exception as error:
            logger.debug("Source %s: %s failed.", self._settings.id, doing, exc_info=True)
            if isinstance(error, ConnectionError) and doing.endswith("channel") and self._settings.security != "None":
                # Many servers drop the socket instead of saying that a certificate waits for a person's trust.
                raise SourceLost(f"{UNTRUSTED}, or does not offer the configured security") from error
            raise SourceLost(words(error, doing)) from error

    async def call(self, doing: str, work: Awaitable[T], seconds: float = REQUEST_DEADLINE) -> T:
        """One service call with its deadline. Service faults (``ua.UaStatusCodeError``) pass through."""
        try:
            return await within(seconds, work, doing)
        except (OSError, asyncio.InvalidStateError) as error:
            raise SourceLost(words(error, doing)) from error

    async def in_chunks(
        self, doing: str, items: Sequence[T], size: int, call: Callable[[list[T]], Awaitable[list[R]]]
    ) -> list[R]:
        """The results of ``call`` over all ``items``, at most ``size`` a call.

        A server that finds a chunk too large in spite of its own limits is asked with halves.
        """
        results: list[R] = []
        waiting = [list(items[i : i + size]) for i in range(0, len(items), size)][::-1]
        while waiting:
            chunk = waiting.pop()
            try:
                answer = await self.call(doing, call(chunk))
            except ua.UaStatusCodeError as error:
                if error.code not in SPLIT_CODES or len(chunk) == 1:
                    raise
                half = len(chunk) // 2
                waiting += [chunk[half:], chunk[:half]]
                continue
            if len(answer) != len(chunk):
                raise SourceLost(f"the process server answered with a wrong number of results while {doing}")
            results += answer
        return results

    def errand(self, doing: str, work: Awaitable[Any]) -> None:
        """Something that the server should be told and nobody waits for; it ends with the connection at the latest."""

        async def run() -> None:
            try:
                await self.call(doing, work)
            except (SourceLost, ua.UaError):
                logger.debug("Source %s: %s failed.", self._settings.id, doing, exc_info=True)

        task = asyncio.create_task(run(), name=f"opcua errand: {doing}")
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def lost(self) -> None:
        """Return when the transport is gone."""
        async with self._client.subscribe_state() as states:
            await states.wait_for_state(UaClientState.DISCONNECTED)

    async def keep_channel(self) -> None:
        """Renew the secure channel for as long as this runs; SourceLost when the server will not."""
        while True:
            lifetime = self._client.secure_channel_timeout / 1000 * CHANNEL_RENEW_SHARE  # as the server has it
            await asyncio.sleep(max(lifetime, CHANNEL_SHORTEST))
            try:
                await self.call("renewing the secure channel", self._client.open_secure_channel(renew=True))
                self._client.uaclient.revolve_security_token()
            except SourceLost:
                raise
            except Exception as error:
                raise SourceLost(words(error, "renewing the secure channel")) from error

    async def close(self) -> None:
        """End it within CLOSE_DEADLINE, whatever the server does.

        Also a silent server is told: if it wakes up it finds the request and frees the session, of which small
        servers have five. For a dead transport this is what ends the library's own publish task.
        """
        protocol = self._client.uaclient.protocol
        transport = protocol.transport if protocol is not None else None
        for errand in self._errands:
            errand.cancel()
        goodbye = asyncio.create_task(self._goodbye(), name="opcua goodbye")
        try:
            await asyncio.wait({goodbye}, timeout=CLOSE_DEADLINE)
        finally:
            goodbye.cancel()
            if transport is not None:
                if transport.get_write_buffer_size():
                    transport.abort()  # what the network does not take will not be taken later either
                else:
                    transport.close()

    async def _goodbye(self) -> None:
        try:
            await self.session.close_session(True)
            await self._client.close_secure_channel()
        except Exception:
            logger.debug("Source %s: the goodbye was not heard.", self._settings.id, exc_info=True)

    # --- opening -------------------------------------------------------------------------------------------------

    def _fresh_client(self) -> Any:
        client = Client(self._settings.url, timeout=LIBRARY_DEADLINE)
        client.name = client.description = APPLICATION
        client.application_uri = INSECURE_URI
        client.session_timeout = SESSION_TIMEOUT_MS
        client.secure_channel_timeout = CHANNEL_LIFETIME_MS
        client.max_messagesize, client.max_chunkcount = MAX_MESSAGE, MAX_CHUNKS
        return client

    async def _secure(self, client: Any) -> None:
        """Choose the endpoint ourselves and bind the channel to the pinned certificate.

        What GetEndpoints says is unauthenticated: it is only used to explain a refusal before it happens, and, with
        allow_insecure alone, as the server's certificate.
        """
        settings = self._settings
        identity = load_identity(str(settings.client_cert), str(settings.client_key))
        policy = getattr(security_policies, f"SecurityPolicy{settings.policy}")
        mode = getattr(ua.MessageSecurityMode, settings.mode)
        offered = [e for e in await self._endpoints() if e.SecurityPolicyUri == policy.URI and e.SecurityMode == mode]
        if not offered:
            raise SourceLost("the process server does not offer the configured security")
        shown = first_certificate(offered[0].ServerCertificate)
        if settings.server_cert is None:
            logger.warning("Source %s: the server's certificate is not pinned.", settings.id)
            pin = shown
        else:
            pin = load_pin(settings.server_cert)
            if shown != pin:
                raise SourceLost("the process server shows another certificate than the pinned one")
        theirs = PINNED if settings.server_cert is not None else SHOWN
        self.expiries = [expiry_of(identity.certificate, OURS), expiry_of(pin, theirs)]
        client.application_uri = identity.uri
        await client.set_security(
            policy,
            uacrypto.CertProperties(identity.certificate, "der"),
            uacrypto.CertProperties(identity.key, identity.key_format),
            server_certificate=uacrypto.CertProperties(pin, "der"),
            mode=mode,
        )

    async def _endpoints(self) -> list[Any]:
        """What the server offers, over a short connection of its own."""
        client = self._fresh_client()
        try:
            await within(SOCKET_DEADLINE, client.connect_socket(), "opening the connection")
            await within(HELLO_DEADLINE, _hello(client), "opening the connection")
            await within(REQUEST_DEADLINE, client.open_secure_channel(), "asking for its endpoints")
            endpoints: list[Any] = await within(REQUEST_DEADLINE, client.get_endpoints(), "asking for its endpoints")
            return endpoints
        finally:
            protocol = client.uaclient.protocol
            if protocol is not None and protocol.transport is not None:
                protocol.transport.close()

    async def _learn(self) -> None:
        """Namespace table and operation limits; a server without the latter gets cautious ones."""
        # One by one as long as the limit on reading is not known.
        table, read = [(await self._values([node]))[0] for node in (_NAMESPACES, LIMIT_NODES[0])]
        if not isinstance(table, list):
            raise SourceLost("the process server does not tell its namespaces")
        self.namespaces = [str(uri) for uri in table]
        size = limits_from([read, *[None] * (len(LIMIT_NODES) - 1)]).read
        doing = "reading what the server can do"
        self.limits = limits_from([read, *await self.in_chunks(doing, LIMIT_NODES[1:], size, self._values)])

    async def _values(self, nodes: list[Any]) -> list[Any]:
        parameters = ua.ReadParameters()
        parameters.NodesToRead = [ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value) for node in nodes]
        answers = await self.call("reading what the server can do", self.session.read(parameters))
        values = [answer.Value.Value if answer.Value is not None else None for answer in answers[: len(nodes)]]
        return [*values, *[None] * (len(nodes) - len(values))]


async def _hello(client: Any) -> None:
    """Say hello, unless the server hung up right after accepting: asyncua would then wait for an answer in vain."""
    if client.uaclient.protocol is None or client.uaclient.protocol.is_closed:
        raise ConnectionError("closed before hello")
    await client.send_hello()
