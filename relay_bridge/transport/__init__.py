"""The relay over real sockets (asyncio): listening, sending, streams, and sealed sessions inside them.

    RelayListener    waits at a hybrid connection and hands each stream to a handler; reconnects for ever
    ListenerState    what a listener is doing, since when, and why
    RelaySender      opens a stream to whoever listens
    RelayStream      one relayed stream of bytes, either side
    SecureSession    messages under mutual TLS 1.3 inside a stream
    InnerTls         one end of that TLS, from two PEM files and the other side's pinned certificate
    SasCredential    makes tokens from a key and renews them at half of their life
    StreamClosed, HandshakeFailed, SessionClosed    and everything in relay_bridge.protocol.errors

A listener that echoes, and a sender, both under pinned certificates::

    connection = parse_connection_string(text)

    async def handler(stream: RelayStream) -> None:
        session = await SecureSession.accept(stream, InnerTls("server", cert, key, peer_pem))
        while True:
            await session.send(await session.receive())

    await RelayListener(connection, handler).run()                    # one side, for ever

    stream = await RelaySender(connection).connect(timeout=5.0)       # the other side
    session = await SecureSession.connect(stream, InnerTls("client", cert, key, peer_pem))

``RelayError`` and its subclasses come out of this package, and no exception of a library does. Making an
``InnerTls`` from files that cannot be used raises ``PinError`` (relay_bridge.secure_channel.errors).
"""

from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport.credentials import Credential, SasCredential, StaticCredential
from relay_bridge.transport.listener import RelayListener
from relay_bridge.transport.sender import RelaySender
from relay_bridge.transport.sessions import HandshakeFailed, SecureSession, SessionClosed
from relay_bridge.transport.state import ListenerState
from relay_bridge.transport.streams import RelayStream, StreamClosed

__all__ = [
    "ConnectionString",
    "Credential",
    "HandshakeFailed",
    "InnerTls",
    "ListenerState",
    "RelayListener",
    "RelaySender",
    "RelayStream",
    "SasCredential",
    "SecureSession",
    "SessionClosed",
    "StaticCredential",
    "StreamClosed",
    "parse_connection_string",
]
