"""Streams from the relay: strangers get nothing, sessions are bounded, and the end is told."""

from __future__ import annotations

import asyncio

import pytest

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.contract.messages import Bye, Empty, HelloAnswer, Read, ReadAnswer, Snapshot, Sub, SubAnswer, Unsub
from relay_bridge.protocol.errors import RelayError
from relay_bridge.transport import SecureSession, SessionClosed, StreamClosed
from tests.relay_bridge.agent.conftest import RunningSite, Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder, WebApp
from tests.support.certificates import make_identity


async def until_sessions(site: RunningSite, count: int) -> None:
    async with asyncio.timeout(5):
        while site.agent.uplink.sessions != count:
            await asyncio.sleep(0.01)


async def test_sender_with_a_foreign_certificate_gets_no_byte(serve: Serve) -> None:
    async with serve() as site:
        with pytest.raises((SessionClosed, RelayError)):
            stranger = WebApp(await site.seal(make_identity("web-app")))
            await stranger.hello()
        assert site.agent.uplink.sessions == 0


async def test_sender_that_speaks_no_tls_is_put_out(serve: Serve) -> None:
    async with serve() as site:
        stream = await site.stream()
        await stream.send(b'{"i":1,"m":"hello","p":{"v":1}}')
        received = b""
        with pytest.raises(StreamClosed):
            while True:
                received += await stream.receive()
        assert b"north" not in received and len(received) < 100  # a TLS alert at most


async def test_no_more_sessions_than_the_site_allows(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, "[limits]\nsessions = 2")
    async with serve() as running:
        first, second = await running.web_app(), await running.web_app()
        with pytest.raises(RelayError):
            await running.web_app()
        await second.channel.close()
        await until_sessions(running, 1)
        third = await running.web_app()
        assert await third.auth(site.token()) and await first.auth(site.token())


async def test_tokens_are_bound_to_the_session_s_certificate(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        with pytest.raises(Exception, match="did not accept"):
            await web_app.auth(site.folder.token(cnf={"x5t#S256": "A" * 43}))


async def test_copied_token_is_refused_on_another_session(serve: Serve) -> None:
    async with serve() as site:
        token = site.folder.token()
        first, second = await site.web_app(), await site.web_app()
        handle = (await first.auth(token)).a
        with pytest.raises(Exception, match="did not accept"):
            await second.auth(token)
        assert await first.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)


async def test_two_sessions_see_the_same_values(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, '[history]\nring = "off"')  # its recorder would watch the other tags too
    async with serve() as running:
        (alice, a), (bob, b) = await running.signed_in(), await running.signed_in()
        for web_app, handle in ((alice, a), (bob, b)):
            await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"], rate=250), handle)
            await web_app.next_values()
        running.driver.set("TK-101.level", 9.5)
        assert [(await web_app.next_values()).d[0][1] for web_app in (alice, bob)] == [9.5, 9.5]
        assert running.agent.site.subscriptions.watched() == 1


async def test_stopping_says_bye_and_takes_no_time(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"]), handle)
        await web_app.next_push(Snapshot)
        began = asyncio.get_running_loop().time()
        site.agent.stop()
        bye = await web_app.next_push(Bye)
        assert bye.why == "shutdown"
        with pytest.raises(SessionClosed) as ended:
            await web_app.receive()
        assert ended.value.clean
        assert asyncio.get_running_loop().time() - began < 2
        numbers = [push.n for push in web_app.pushes]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_driver_that_breaks_is_a_state_and_not_the_end(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay_bridge.agent.agent.DRIVER_RESTART", 0.05)

    class BreaksOnce(MemoryDriver):
        broke = asyncio.Event()

        async def run(self, sink) -> None:
            if not self.broke.is_set():
                self.broke.set()
                raise RuntimeError("a fault of a driver's library")
            await super().run(sink)

    driver = BreaksOnce("main", ["TK-101.level"], {"TK-101.level": 1.0})
    async with serve(drivers={"main": driver}) as site:
        await driver.broke.wait()
        async with asyncio.timeout(5):
            while site.agent.site.subscriptions.is_down("main"):
                await asyncio.sleep(0.01)
        web_app, handle = await site.signed_in()
        answer = await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        assert answer.d[0][1] == 1.0
        assert "broke" in caplog.text


async def test_logs_hold_no_token_key_or_value(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="relay_bridge.agent")
    async with serve() as site:
        web_app, handle = await site.signed_in()
        token = site.folder.token(aud="https://elsewhere.example")
        with pytest.raises(Exception, match="did not accept"):
            await web_app.auth(token)
        site.driver.set("TK-101.level", 7.654)
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"]), handle)
        await web_app.next_values()
        await web_app.call("unsub", Empty, Unsub(tags=["TK-101.level"]), handle)
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("relay_bridge.agent"))
    assert "token refused: made for another site" in text
    for secret in (token, token.split(".")[1], "bGlzdGVuLWtleQ", "7.654", "eyJ"):
        assert secret not in text


async def test_agent_starts_before_its_relay_and_waits(site: SiteFolder) -> None:
    agent = SiteAgent(load_config(site.toml))  # nobody listens on port 9
    task = asyncio.create_task(agent.run())
    async with asyncio.timeout(5):
        while agent.uplink.state.status != "offline":
            await asyncio.sleep(0.01)
    assert not task.done() and agent.uplink.state.reason
    agent.stop()
    await task


async def test_sealed_session_without_hello_is_ended(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay_bridge.agent.session.HELLO_DEADLINE", 0.1)
    async with serve() as site:
        channel: SecureSession = await site.seal()
        with pytest.raises(SessionClosed):
            await channel.receive()
        late = WebApp(channel)
        with pytest.raises(SessionClosed):
            await late.call("hello", HelloAnswer, None)
