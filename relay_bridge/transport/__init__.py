"""The relay over real sockets (asyncio): listening, sending, streams, and sealed sessions inside them.

    RelayListener    waits at a hybrid connection and hands each stream and each HTTP request to a handler; reconnects
    ListenerState    what a listener is doing, since when, and why
    HttpRequest, HttpResponse, Headers    what an HTTP handler is given and what it answers
    RelaySender      opens a stream to whoever listens, or sends it an HTTP request
    RelayStream      one relayed stream of bytes, either side
    SecureSession    messages under mutual TLS 1.3 inside a stream
    InnerTls         one end of that TLS, from two PEM files and the other side's pinned certificate
    RelayResponse    a listener's answer to an HTTP request of ours
    SasCredential    makes tokens from a key and renews them at half of their life
    KeyFileCredential, EntraCredential    tokens from a key in a file that may change, and from Microsoft Entra ID
    StreamClosed, HandshakeFailed, SessionClosed    and everything in relay_bridge.protocol.errors

A listener that answers HTTP::

    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"Content-Type": "text/plain"}, b"You asked for " + request.target.encode())

    await RelayListener(connection, http_handler=answer).run()

A listener that echoes, and a sender, both under pinned certificates::

    connection = parse_connection_string(text)

    async def handler(stream: RelayStream) -> None:
        session = await SecureSession.accept(stream, InnerTls("server", cert, key, peer_pem))
        while True:
            await session.send(await session.receive())

    await RelayListener(connection, handler).run()                    # one side, for ever

    stream = await RelaySender(connection).connect(timeout=5.0)       # the other side
    session = await SecureSession.connect(stream, InnerTls("client", cert, key, peer_pem))

An HTTP request::

    async with RelaySender(connection) as sender, sender.request("GET", "tanks/7") as response:
        print(response.status, await response.read())

``RelayError`` and its subclasses come out of this package, and no exception of a library does. Making an
``InnerTls`` from files that cannot be used raises ``PinError`` (relay_bridge.secure_channel.errors).
"""

from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport.credentials import Credential, SasCredential, StaticCredential
from relay_bridge.transport.entra import EntraCredential
from relay_bridge.transport.http_exchange import RelayResponse
from relay_bridge.transport.http_messages import BodyTooLarge, Headers, HttpHandler, HttpRequest, HttpResponse
from relay_bridge.transport.key_file import KeyFileCredential
from relay_bridge.transport.listener import RelayListener
from relay_bridge.transport.sender import RelaySender
from relay_bridge.transport.sessions import HandshakeFailed, SecureSession, SessionClosed
from relay_bridge.transport.state import ListenerState
from relay_bridge.transport.streams import RelayStream, StreamClosed

__all__ = [
    "BodyTooLarge",
    "ConnectionString",
    "Credential",
    "EntraCredential",
    "HandshakeFailed",
    "Headers",
    "HttpHandler",
    "HttpRequest",
    "HttpResponse",
    "InnerTls",
    "KeyFileCredential",
    "ListenerState",
    "RelayListener",
    "RelayResponse",
    "RelaySender",
    "RelayStream",
    "SasCredential",
    "SecureSession",
    "SessionClosed",
    "StaticCredential",
    "StreamClosed",
    "parse_connection_string",
]
