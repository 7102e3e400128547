"""Dialling: every failure in our own words, no redirect followed, no token in any log."""

from __future__ import annotations

import asyncio
import http
import logging
import socket
import ssl

import pytest
from websockets.asyncio.server import serve

from relay_bridge.protocol.errors import AddressError, RelayUnavailable
from relay_bridge.transport.dial import open_connection, open_websocket
from relay_bridge.transport.http_messages import HttpRequest, HttpResponse
from relay_bridge.transport.sender import RelaySender
from tests.relay_bridge.transport.support import CONFIG, NORTH, Relay, echo, listening
from tests.support.certificates import make_server_certificate

SECRET = {"ServiceBusAuthorization": "SharedAccessSignature sr=x&sig=the-secret&se=1&skn=k"}


def dial(address: str, **options):
    return open_websocket(address, side="sender", max_size=1000, max_queue=4, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def answering(data: bytes):
    """A TCP server that says ``data`` to whoever comes, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(data)
        writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def test_nobody_listens_there():
    with pytest.raises(RelayUnavailable, match="nothing listens") as caught:
        await dial(f"ws://127.0.0.1:{free_port()}/$hc/a")
    assert (caught.value.status, caught.value.retryable) == (0, True)


async def test_a_name_that_does_not_exist():
    with pytest.raises(RelayUnavailable, match="cannot be reached"):
        await dial("ws://no-such-name.invalid/$hc/a")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "broke the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "broke the connection|is no relay"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "answered 200"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "is no relay"),
    ],
)
async def test_something_else_listens_there(data, words):
    async with await answering(data) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RelayUnavailable if b"200" not in data else Exception, match=words):
            await dial(f"ws://127.0.0.1:{port}/$hc/a")


async def test_a_subprotocol_that_was_not_offered():
    async def hold(socket):
        await socket.wait_closed()

    async with serve(hold, "127.0.0.1", 0, subprotocols=["b"], select_subprotocol=lambda *_: "b") as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/$hc/a"
        for offered in ((), ("a",)):
            with pytest.raises(RelayUnavailable, match="named a subprotocol or an extension that was not offered"):
                await dial(address, subprotocols=offered)
        taken = await dial(address, subprotocols=("a", "b"))
        assert taken.subprotocol == "b"
        await taken.close()


async def test_a_silent_server_is_given_up(relay):
    relay.faults.freeze()
    with pytest.raises(RelayUnavailable, match=r"did not answer within 0\.2 s"):
        await dial(f"ws://127.0.0.1:{relay.port}/$hc/a", open_timeout=0.2)


async def test_an_address_that_cannot_be_dialled():
    with pytest.raises(AddressError):
        await dial("http://127.0.0.1/$hc/a")


async def test_no_redirect_is_followed_with_our_token():
    visitors = []

    async def elsewhere(connection) -> None:
        visitors.append(connection)

    async with serve(elsewhere, "127.0.0.1", 0) as other:
        target = f"ws://127.0.0.1:{other.sockets[0].getsockname()[1]}/"

        def redirect(connection, request):
            response = connection.respond(http.HTTPStatus.TEMPORARY_REDIRECT, "")
            response.headers["Location"] = target
            return response

        async with serve(elsewhere, "127.0.0.1", 0, process_request=redirect) as server:
            with pytest.raises(Exception, match="307"):
                await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/$hc/a", headers=SECRET)
    assert visitors == []


async def test_no_compression_is_offered_and_the_token_is_in_its_header():
    heard = []

    def note(connection, request):
        heard.append(request)

    async def handler(connection) -> None:
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, process_request=note) as server:
        socket_ = await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/$hc/a?x=1", headers=SECRET)
        await socket_.close()
    (request,) = heard
    assert request.path == "/$hc/a?x=1"
    assert request.headers["ServiceBusAuthorization"] == SECRET["ServiceBusAuthorization"]
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_no_log_shows_a_token_whatever_its_level(relay, caplog):
    caplog.set_level(logging.DEBUG)
    async with listening(relay.listen_string(), echo):
        stream = await relay.sender().connect()
        await stream.close()
    ours = [record.getMessage() for record in caplog.records]
    assert not [line for line in ours if "sig=" in line or "SharedAccessSignature" in line or "listen-key" in line]


@pytest.fixture
def tls(tmp_path):
    """A server's TLS context for 127.0.0.1, and a client's context that knows its authority."""
    certificate, key = make_server_certificate("127.0.0.1").write(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


async def test_tls_with_a_private_authority(tls):
    server, client = tls
    async with Relay(CONFIG, tls=server) as relay:
        listen_string, send_string = (
            type(string)(string.host, string.port, NORTH, string.key_name, string.key)
            for string in (relay.listen_string(), relay.send_string())
        )
        assert listen_string.use_tls
        async with listening(listen_string, echo, ssl_context=client):
            stream = await RelaySender(send_string, ssl_context=client).connect()
            await stream.send(b"over TLS")
            assert await stream.receive() == b"over TLS"
            await stream.close()
        with pytest.raises(RelayUnavailable, match="is not trusted here"):
            await RelaySender(send_string).connect()


async def test_tls_to_a_relay_without_it(relay):
    with pytest.raises(RelayUnavailable, match="does it speak TLS"):
        await dial(f"wss://127.0.0.1:{relay.port}/$hc/a")


# Connections for HTTP


async def test_http_over_tls_with_a_private_authority(tls):
    server, client = tls

    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body=await request.read())

    async with Relay(CONFIG, tls=server) as relay:
        listen_string, send_string = (
            type(string)(string.host, string.port, NORTH, string.key_name, string.key)
            for string in (relay.listen_string(), relay.send_string())
        )
        async with listening(listen_string, http_handler=answer, ssl_context=client):
            started = asyncio.get_running_loop().time()
            async with RelaySender(send_string, ssl_context=client) as sender:
                for body in (b"over TLS", b"x" * 300_000):
                    async with sender.request("POST", body=body) as response:
                        assert await response.read() == body
            assert asyncio.get_running_loop().time() - started < 3.0  # closing takes no longer than it must
        async with RelaySender(send_string) as sender:
            with pytest.raises(RelayUnavailable, match="is not trusted here"):
                async with sender.request("GET"):
                    pass


async def test_the_name_in_the_certificate_is_checked(tls):
    server, client = tls
    async with Relay(CONFIG, tls=server) as relay:
        with pytest.raises(RelayUnavailable, match="is not trusted here"):
            await open_connection(asyncio.Protocol, "localhost", relay.port, True, ssl_context=client)


async def test_http_where_there_is_no_relay(relay):
    cases = [
        ("127.0.0.1", free_port(), False, "nothing listens"),
        ("no-such-name.invalid", 80, False, "cannot be reached"),
        ("a" * 70 + ".invalid", 80, False, "cannot be"),
        ("127.0.0.1", relay.port, True, "does it speak TLS"),
    ]
    for host, port, use_tls, words in cases:
        with pytest.raises(RelayUnavailable, match=words):
            await open_connection(asyncio.Protocol, host, port, use_tls)
    relay.faults.freeze()
    with pytest.raises(RelayUnavailable, match=r"did not answer within 0\.1 s"):
        await open_connection(asyncio.Protocol, "127.0.0.1", relay.port, True, open_timeout=0.1)
