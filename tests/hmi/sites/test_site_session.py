"""One session to an agent: who is believed, what becomes of calls when it breaks, what a rogue listener gets."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hmi.sites import site_session
from hmi.sites.conduit_info import ConduitInfo, aget_conduit_info
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.site_session import SiteSession
from relay_bridge.contract.messages import VERSION, Empty, Heartbeat, Hello, PingAnswer, Push, Read, ReadAnswer
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.secure_channel.pins import read_pin
from relay_bridge.transport import InnerTls, RelayListener, RelayStream, SecureSession
from tests.hmi.sites.running_site import RunningSite, run_relay, run_site
from tests.support.certificates import make_identity

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def running(tmp_path: Path, db: None) -> AsyncIterator[RunningSite]:
    async with run_relay() as relay, run_site(relay, tmp_path) as site:
        yield site


@pytest.fixture
async def info(running: RunningSite) -> ConduitInfo:
    return await aget_conduit_info(running.site.id)


async def test_hello_ping_and_the_first_pushes(info: ConduitInfo) -> None:
    pushes: asyncio.Queue[Push] = asyncio.Queue()
    session = await SiteSession.open(info, on_push=pushes.put_nowait)

    assert (session.hello.v, session.hello.site) == (VERSION, "north")
    assert session.thumbprint == read_pin(info.agent_pin).thumbprint
    assert (await session.call("ping", Empty(), PingAnswer)).t > 1_700_000_000_000
    async with asyncio.timeout(5):
        assert isinstance(await pushes.get(), Heartbeat)
    await session.close("done")
    assert (session.closed, await session.wait_closed()) == (True, "done")


async def test_call_without_a_token_is_refused_with_the_agents_words(info: ConduitInfo) -> None:
    session = await SiteSession.open(info)
    with pytest.raises(SiteRefused, match="Present a valid token first") as caught:
        await session.call("read", Read(tags=["TK-101.level"]), ReadAnswer)
    assert (caught.value.code, caught.value.retryable) == ("auth", False)
    with pytest.raises(SiteRefused) as caught:
        await session.authenticate("eyJ.not.a-token")
    assert caught.value.code == "auth"
    await session.close()


async def test_many_calls_are_answered_each_with_its_own(info: ConduitInfo) -> None:
    session = await SiteSession.open(info)
    answers = await asyncio.gather(*(session.call("ping", Empty(), PingAnswer) for _ in range(100)))
    assert len(answers) == 100
    await session.close()


async def test_more_calls_than_may_wait_are_refused_here(info: ConduitInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_session, "MAX_PENDING", 3)
    session = await SiteSession.open(info)
    results = await asyncio.gather(
        *(session.call("ping", Empty(), PingAnswer) for _ in range(5)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, SiteRefused)]
    assert [(each.code, each.retryable) for each in refused] == [("busy", True)] * 2
    await session.close()


async def test_waiting_calls_fail_at_once_when_the_relay_drops_the_stream(
    running: RunningSite, info: ConduitInfo
) -> None:
    session = await SiteSession.open(info)
    running.relay.faults.freeze()
    calls = [asyncio.create_task(session.call("ping", Empty(), PingAnswer, deadline=30.0)) for _ in range(3)]
    await asyncio.sleep(0)
    await running.relay.stop()

    begun = time.monotonic()
    results = await asyncio.gather(*calls, return_exceptions=True)

    assert time.monotonic() - begun < 2
    assert all(isinstance(result, SiteUnreachable) for result in results)
    assert session.closed
    with pytest.raises(SiteUnreachable):
        await session.call("ping", Empty(), PingAnswer)
    with pytest.raises(SiteUnreachable):
        await session.acknowledge(1)


async def test_byte_changed_on_the_way_ends_the_session(running: RunningSite, info: ConduitInfo) -> None:
    session = await SiteSession.open(info)
    running.relay.faults.corrupt_next_frame()
    with pytest.raises(SiteUnreachable):
        await session.call("ping", Empty(), PingAnswer)
    async with asyncio.timeout(5):
        await session.wait_closed()


async def test_silent_agent_costs_the_deadline_and_the_late_answer_harms_nothing(
    running: RunningSite, info: ConduitInfo
) -> None:
    session = await SiteSession.open(info)
    running.relay.faults.freeze()
    with pytest.raises(SiteUnreachable, match="did not answer 'ping'") as caught:
        await session.call("ping", Empty(), PingAnswer, deadline=0.1)
    assert 0.1 <= caught.value.waited < 0.5
    running.relay.faults.thaw()
    assert await session.call("ping", Empty(), PingAnswer)
    assert not session.closed
    await session.close()


async def test_nobody_listening_is_told_at_once(running: RunningSite, info: ConduitInfo) -> None:
    await running.stop_agent()
    begun = time.monotonic()
    with pytest.raises(SiteUnreachable, match="agent is not connected"):
        await SiteSession.open(info)
    assert time.monotonic() - begun < 1


async def test_other_version_of_the_api_is_refused_in_words(info: ConduitInfo) -> None:
    with pytest.raises(SiteUnreachable, match="agent refused the session"):
        await SiteSession.open(info, hello=Hello(v=99))


async def test_key_that_the_relay_does_not_know_opens_nothing(info: ConduitInfo) -> None:
    wrong = dataclasses.replace(info, connection=dataclasses.replace(info.connection, key="d3Jvbmc="))
    with pytest.raises(SiteUnreachable, match="does not accept"):
        await SiteSession.open(wrong)


async def test_fault_in_a_push_receiver_ends_the_session_loudly(
    info: ConduitInfo, caplog: pytest.LogCaptureFixture
) -> None:
    session = await SiteSession.open(info, on_push=lambda push: 1 / 0)
    async with asyncio.timeout(5):
        assert await session.wait_closed() == "a fault in the web app"
    assert "ended on a fault of ours" in caplog.text


# --- threat T02: somebody has the Listen key -------------------------------------------------------------------------


async def test_t02_rogue_listener_gets_no_byte_and_costs_nobody_the_site(
    running: RunningSite, info: ConduitInfo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rogue = make_identity("agent")
    cert, key = rogue.write(tmp_path / "rogue")
    visits, stolen = 0, []

    async def pretend(stream: RelayStream) -> None:
        nonlocal visits
        visits += 1
        tls = InnerTls("server", cert, key, info.own_cert.read_text())
        session = await SecureSession.accept(stream, tls)
        stolen.append(await session.receive())

    listen = parse_connection_string((running.folder / "secrets/relay-listen").read_text())
    listener = RelayListener(listen, pretend)
    listening = asyncio.create_task(listener.run())
    try:
        await listener.wait_online()
        for _ in range(20):
            session = await SiteSession.open(info)
            assert await session.call("ping", Empty(), PingAnswer)
            await session.close()
    finally:
        listening.cancel()
        await asyncio.wait({listening})

    assert visits > 0, "the relay never chose the rogue: the test proved nothing"
    assert stolen == []
    assert "is not its pinned agent" in caplog.text
