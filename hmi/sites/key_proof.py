"""Trying a new Send key at the relay before it is put to use."""

from __future__ import annotations

import asyncio
import contextlib

from asgiref.sync import async_to_sync
from django.conf import settings

from relay_bridge.management import ManagementError
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import EndpointNotFound, ListenerRejected, RelayError
from relay_bridge.secure_channel.errors import SecureChannelError
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport.sender import RelaySender
from relay_bridge.transport.sessions import HandshakeFailed, SecureSession

PROOF_DEADLINE = 60.0  # seconds until a new key must be known everywhere at the relay
PROOF_INTERVAL = 1.0  # seconds between tries
DIAL_DEADLINE = 5.0  # seconds for one try


class KeyNotProven(ManagementError):  # noqa: N818 - says what is the matter
    """The relay did not take the new key; the old one is still in use and still good."""

    retryable = True


def prove_send_key(connection: ConnectionString, agent_pin: str) -> None:
    """Return when the relay has taken the key of ``connection``; ``KeyNotProven`` after ``PROOF_DEADLINE``."""
    async_to_sync(aprove_send_key)(connection, agent_pin)


async def aprove_send_key(connection: ConnectionString, agent_pin: str) -> None:
    """The same in a coroutine."""
    sender = RelaySender(connection)
    words = "no answer"
    try:
        async with asyncio.timeout(PROOF_DEADLINE):
            while True:
                try:
                    await _dial(sender, agent_pin)
                except (EndpointNotFound, ListenerRejected):
                    return  # the relay looks at the key first: nobody is there, but we were let in
                except (RelayError, SecureChannelError) as error:
                    words = str(error)  # a new key takes a moment to be known everywhere
                else:
                    return
                await asyncio.sleep(PROOF_INTERVAL)
    except TimeoutError:
        raise KeyNotProven(
            f"The relay did not take the new Send key within {PROOF_DEADLINE:g} s: {words}. "
            "The old one stays in use; try again later."
        ) from None


async def _dial(sender: RelaySender, agent_pin: str) -> None:
    """One stream, sealed like any other: the agent would take a bare one for a stranger's, and say so in its log."""
    tls = InnerTls("client", settings.SIGHTLINE.web_app_cert, settings.SIGHTLINE.web_app_key, agent_pin)
    stream = await sender.connect(DIAL_DEADLINE)
    with contextlib.suppress(HandshakeFailed):  # whoever answered: the relay has let us through to them
        session = await SecureSession.connect(stream, tls, DIAL_DEADLINE)
        await session.close("the key was tried")
