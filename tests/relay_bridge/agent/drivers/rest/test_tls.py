"""Certificates: pinned, private authority, nobody else's; and nothing is sent before that is settled."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from relay_bridge.agent.drivers.base import DOWN
from relay_bridge.agent.drivers.rest import SettingsError
from relay_bridge.agent.drivers.rest.tls import source_tls
from tests.relay_bridge.agent.drivers.rest.support import driver, live, running, source
from tests.support.certificates import Identity, make_identity, make_server_certificate
from tests.support.raw_http import RawServer
from tests.support.rest_server import RestServer


def pinned(folder: Path, identity: Identity) -> str:
    path = folder / f"{identity.name}-pin.pem"
    path.write_text(identity.cert_pem)
    return str(path)


async def test_the_pinned_certificate_is_let_in_whatever_host_it_names(tmp_path: Path) -> None:
    own = make_identity("edge")  # self-signed, without the host's name: as DeltaV Edge makes its own
    async with RestServer(identity=own, folder=tmp_path) as server:
        server.answers["/plain"] = {"level": 1}
        made = driver(source(server.url, allow_insecure=False, server_cert=pinned(tmp_path, own)))
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)


async def test_another_certificate_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    own, other = make_identity("edge"), make_identity("edge")
    async with RestServer(identity=other, folder=tmp_path) as server:
        made = driver(source(server.url, server_cert=pinned(tmp_path, own)), secret=None)
        async with running(made, ["level"]) as sink:
            await sink.until(lambda: "certificate" in sink.state.reason)
            assert sink.state.code == DOWN
            assert sink.state.reason == "the process server's certificate is not the pinned one"
        assert server.asked == []


async def test_one_that_the_pinned_certificate_signed_is_not_the_pinned_one(tmp_path: Path) -> None:
    """A partial chain would be content with an authority as the pin; the comparison is not."""
    tls = source_tls(pinned(tmp_path, make_server_certificate("127.0.0.1")), None)
    other = source_tls(pinned(tmp_path, make_server_certificate("127.0.0.1")), None)
    tls.check(tls.pin)
    for shown in (other.pin, None, b"", (tls.pin or b"") + b"\0"):
        with pytest.raises(Exception, match="not the pinned one"):
            tls.check(shown)


async def test_a_certificate_that_has_run_out_is_named(tmp_path: Path) -> None:
    own = make_identity("edge", not_after=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    async with (
        RestServer(identity=own, folder=tmp_path) as server,
        running(driver(source(server.url, server_cert=pinned(tmp_path, own)))) as sink,
    ):
        await sink.until(lambda: sink.state.reason == "the process server's certificate has run out")


async def test_a_private_authority_and_the_name_of_the_host(tmp_path: Path) -> None:
    own, elsewhere = make_server_certificate("127.0.0.1"), make_server_certificate("127.0.0.9")
    async with RestServer(identity=own, folder=tmp_path) as server:
        server.answers["/plain"] = {"level": 1}
        async with live(driver(source(server.url, ca_cert=pinned(tmp_path, own)))):
            pass
        async with running(driver(source(server.url))) as sink:
            await sink.until(lambda: "from no authority that this agent trusts" in sink.state.reason)
    async with (
        RestServer(identity=elsewhere, folder=tmp_path) as server,
        running(driver(source(server.url, ca_cert=pinned(tmp_path, elsewhere)))) as sink,
    ):
        await sink.until(lambda: "is for another host" in sink.state.reason)


async def test_a_server_without_tls_and_one_that_never_shakes_hands(tmp_path: Path) -> None:
    own = make_identity("edge")

    async def plain(connection) -> None:
        await connection.exactly(1)
        await connection.say(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with RawServer(plain) as raw:
        url = f"https://127.0.0.1:{raw.port}"
        async with running(driver(source(url, server_cert=pinned(tmp_path, own)))) as sink:
            await sink.until(lambda: "no TLS that this agent accepts" in sink.state.reason)

    async def mute(connection) -> None:
        await connection.ended()

    async with RawServer(mute) as raw:
        made = driver(source(f"https://127.0.0.1:{raw.port}", server_cert=pinned(tmp_path, own)))
        async with running(made) as sink:
            async with asyncio.timeout(5):
                await sink.until(lambda: "did not answer while connecting" in sink.state.reason)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"url": "http://127.0.0.1:1", "allow_insecure": False}, "allow_insecure"),
        ({"url": "http://127.0.0.1:1", "ca_cert": "x"}, "belongs to an https url"),
        ({"url": "https://127.0.0.1:1", "ca_cert": "x", "server_cert": "y"}, "not both"),
        ({"url": "https://127.0.0.1:1", "server_cert": "/none"}, "cannot be read"),
        ({"url": "https://127.0.0.1:1", "server_cert": __file__}, "holds no certificate"),
        ({"url": "https://127.0.0.1:1", "ca_cert": __file__}, "holds no certificates"),
    ],
)
def test_files_that_cannot_be_are_refused_at_the_start(facts: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        driver(source(facts.pop("url"), **facts))
