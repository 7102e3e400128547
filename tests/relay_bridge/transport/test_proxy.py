"""HTTP proxies: their URLs, what they are told, what they may do wrong, and the whole chain through one."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

import pytest

from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import AddressError, RelayUnavailable
from relay_bridge.transport import HttpResponse, RelaySender
from relay_bridge.transport.proxy import MAX_ANSWER, Proxy, parse_proxy
from tests.relay_bridge.transport.support import CONFIG, NORTH, Relay, echo, listening
from tests.support.certificates import make_server_certificate
from tests.support.proxy import ConnectProxy

DEADLINE = 5.0  # seconds


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy", Proxy("proxy", 80)),
        ("http://proxy:3128/", Proxy("proxy", 3128)),
        ("https://proxy", Proxy("proxy", 443, use_tls=True)),
        ("http://[::1]:3128", Proxy("::1", 3128)),
        ("http://me:p%40ss%3A@proxy:3128", Proxy("proxy", 3128, user="me", password="p@ss:")),
        ("http://me@proxy", Proxy("proxy", 80, user="me")),
    ],
)
def test_a_proxys_url(url, expected):
    proxy = parse_proxy(url)
    assert proxy == expected
    assert parse_proxy(proxy.url) == expected
    assert "ss" not in repr(proxy)


@pytest.mark.parametrize(
    "url",
    [
        "", "proxy:3128", "socks5://me:secret@proxy", "ftp://proxy", "http://", "http://proxy:0", "http://proxy:secret",
        "http://me:secret@proxy/path", "http://me:secret@proxy?x", "http://me:secret%0d%0a@proxy", "http://a%3ab:secret@p",
        "http://me:secret%ff@proxy", "http://me:sécret@proxy", "http://me:secret@" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_proxys_url(url):
    with pytest.raises(AddressError, match="a proxy is given as") as caught:
        parse_proxy(url)
    assert "secret" not in str(caught.value)
    assert "cret" not in str(caught.value)


def test_every_byte_of_connect():
    assert Proxy("p", 80, user="me", password="secret").connect_request("ns.servicebus.windows.net", 443) == (
        b"CONNECT ns.servicebus.windows.net:443 HTTP/1.1\r\n"
        b"Host: ns.servicebus.windows.net:443\r\n"
        b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n"
        b"\r\n"
    )
    assert Proxy("p", 80).connect_request("::1", 9400) == b"CONNECT [::1]:9400 HTTP/1.1\r\nHost: [::1]:9400\r\n\r\n"


async def answered(request):
    return HttpResponse(200, body=await request.read())


async def both_ways(sender: RelaySender) -> None:
    """A stream and two HTTP requests."""
    async with asyncio.timeout(DEADLINE):
        stream = await sender.connect()
        await stream.send(b"by stream")
        assert await stream.receive() == b"by stream"
        await stream.close()
        for body in (b"by HTTP", b"x" * 200_000):
            async with sender.request("POST", body=body) as response:
                assert await response.read() == body


async def test_the_whole_chain_through_a_proxy_with_a_password(relay, caplog):
    caplog.set_level(logging.DEBUG)
    async with ConnectProxy(login="me:pass word") as proxy:
        url = proxy.url_for("me:pass%20word")
        sender = RelaySender(relay.send_string(), proxy=url)
        async with listening(relay.listen_string(), echo, http_handler=answered, proxy=url), sender:
            await both_ways(sender)
        # The listener's channel and two rendezvous (stream, large body), the sender's stream and HTTP connection.
        assert {asked.target for asked in proxy.asked} == {f"127.0.0.1:{relay.port}"}
        assert len(proxy.asked) == 5
        heads = b"".join(proxy.heads)
        assert b"SharedAccessSignature" not in heads
        assert b"ServiceBusAuthorization" not in heads
        # Inside the tunnels the proxy's own login is of no use to anybody.
        assert b"Proxy-Authorization" not in proxy.carried
    assert "pass word" not in caplog.text
    assert "pass%20word" not in caplog.text
    assert "bWU6cGFzcyB3b3Jk" not in caplog.text


@pytest.fixture
def tls(tmp_path):
    certificate, key = make_server_certificate("127.0.0.1").write(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


@pytest.mark.parametrize("proxy_tls", [False, True])
async def test_tls_inside_the_tunnel_and_to_the_proxy(tls, proxy_tls):
    server, client = tls
    async with Relay(CONFIG, tls=server) as relay, ConnectProxy(tls=server if proxy_tls else None) as proxy:
        listen_string, send_string = (
            type(string)(string.host, string.port, NORTH, string.key_name, string.key)
            for string in (relay.listen_string(), relay.send_string())
        )
        options = {"ssl_context": client, "proxy": proxy.url}
        sender = RelaySender(send_string, **options)
        async with listening(listen_string, echo, http_handler=answered, **options), sender:
            await both_ways(sender)
        assert len(proxy.asked) == 5
        assert b"SharedAccessSignature" not in proxy.carried  # a proxy cannot read it
        async with RelaySender(send_string, proxy=proxy.url, ssl_context=ssl.create_default_context()) as sender:
            for call in (sender.connect, lambda: get(sender)):
                with pytest.raises(RelayUnavailable, match="is not trusted here"):
                    await call()


async def get(sender: RelaySender) -> int:
    async with sender.request("GET", timeout=2.0) as response:
        return response.status


def nowhere() -> ConnectionString:
    return ConnectionString("127.0.0.1", free_port(), NORTH, "web", "send-key", use_tls=False)


async def failing(proxy_url: str, words: str, *, retryable: bool | None = None) -> None:
    """A stream and an HTTP request by way of ``proxy_url`` both fail with ``words``."""
    sender = RelaySender(nowhere(), proxy=proxy_url)
    for call in (lambda: sender.connect(timeout=2.0), lambda: get(sender)):
        with pytest.raises(RelayUnavailable, match=words) as caught:
            await call()
        assert "secret" not in str(caught.value)
        if retryable is not None:
            assert caught.value.retryable == retryable
    await sender.close()


async def test_a_proxy_that_wants_a_password():
    async with ConnectProxy(login="me:other") as proxy:
        await failing(proxy.url, r"wants a name and a password \(407\)", retryable=False)
        await failing(proxy.url_for("me:secret"), r"does not take the name and password in its URL \(407\)")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!\n", r"does not allow connections to .* \(403\)"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", r"cannot reach .* \(502\)"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", r"opens no tunnel .* \(302\)"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", r"opens no tunnel .* \(404\)"),
        (b"", "is no HTTP proxy"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no HTTP proxy"),
        (b"HTTP/1.1 20", "is no HTTP proxy"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * (MAX_ANSWER + 70_000) + b"\r\n\r\n", "is no HTTP proxy"),
    ],
)
async def test_what_a_proxy_may_answer(answer, words):
    async with ConnectProxy(answer=answer) as proxy:
        await failing(proxy.url, words)


async def test_a_proxy_that_puts_words_into_the_relays_mouth(relay):
    text = b"HTTP/1.1 200 OK\r\nVia: 1.1 evil\r\nContent-Length: 0\r\n\r\n"
    async with ConnectProxy(tail=text) as proxy, RelaySender(relay.send_string(), proxy=proxy.url) as sender:
        with pytest.raises(RelayUnavailable, match="no HTTP proxy"):
            await get(sender)


async def test_no_proxy_there():
    await failing(f"http://me:secret@127.0.0.1:{free_port()}", "nothing listens at the proxy's address")
    await failing("http://me:secret@no-such-name.invalid", "the name of the proxy at no-such-name.invalid:80")


async def test_a_proxy_that_cannot_reach_the_relay():
    async with ConnectProxy() as proxy:
        await failing(proxy.url, "is no HTTP proxy|broke the connection")


async def test_a_silent_proxy_is_given_up():
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with silent:
        sender = RelaySender(nowhere(), proxy=f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        with pytest.raises(RelayUnavailable, match="did not answer within"):
            await sender.connect(timeout=0.1)
        with pytest.raises(RelayUnavailable, match="not"):
            async with sender.request("GET", timeout=0.1):
                pass
        await sender.close()


def test_a_sender_with_a_wrong_proxy():
    with pytest.raises(AddressError, match="SOCKS"):
        RelaySender(nowhere(), proxy="socks5://me:secret@proxy")
