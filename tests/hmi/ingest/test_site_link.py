"""The standing link against a real relay and a real agent: values, outages, catalog."""

from __future__ import annotations

import asyncio
import time

import pytest

from hmi.ingest import link_status, service_token, site_link
from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import Onlooker, eventually, watch_live


async def test_values_arrive_and_follow_the_plant(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    watcher = await watch_live(link, alice)
    assert watcher.value() == 12.5
    assert link.catalog is not None
    assert [asset.id for asset in link.catalog.tanks] == ["TK-101", "TK-102"]
    assert link.sources["main"].code == 0
    terminal.set("TK-101.level", 12.75)
    await watcher.until(lambda: watcher.value() == 12.75)
    assert {"TK-101.level"} in watcher.changed
    assert abs(link.agent_time() - time.time() * 1000) < 1000


async def test_only_what_is_watched_is_streamed(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_token, "RENEW_AFTER", 0.3)  # then what nobody watches any more is tidied away
    await watch_live(link, alice)
    assert terminal.streaming == 1
    second = Onlooker(link, alice, tags=["TK-101.level", "TK-102.level", "TK-999.level"])
    link.attach(second)
    await second.until(lambda: second.value("TK-102.level") == 5.0)
    assert terminal.streaming == 2
    link.detach(second)
    await eventually(lambda: terminal.streaming == 1)
    # An old value under a live link would look like the present.
    await eventually(lambda: "TK-102.level" not in link.latest)
    assert link.state.phase == "live"


async def test_tag_that_the_site_no_longer_offers_has_no_value(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    watcher = await watch_live(link, alice, tags=["TK-101.level", "TK-102.level"])
    assert watcher.value("TK-102.level") == 5.0
    terminal.tanks = [101]
    await terminal.stop_agent()
    await watcher.until_phase("down")
    await terminal.start_agent()
    await watcher.until_phase("live")
    assert set(link.latest) == {"TK-101.level"}


async def test_agent_that_stops_is_told_at_once_and_comes_back(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    watcher = await watch_live(link, alice)
    await terminal.stop_agent()
    await watcher.until_phase("down")
    assert link.state.reason == "the agent was stopped"
    assert watcher.value() == 12.5  # untouched: the state says what it is worth
    since = link.state.since
    await terminal.start_agent()
    terminal.set("TK-101.level", 9.0)
    await watcher.until_phase("live")
    assert watcher.value() == 9.0  # never live with the old value
    assert link.state.since >= since
    assert watcher.phases == ["live", "down", "live"]


async def test_changed_catalog_is_read_again(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    watcher = await watch_live(link, alice, tags=["TK-101.level", "TK-103.level"])
    assert link.wanted_tags() == {"TK-101.level"}
    before = link.catalog
    terminal.tanks = [101, 102, 103]
    await terminal.stop_agent()
    await terminal.start_agent()
    await watcher.until(lambda: link.catalog is not before)
    await eventually(lambda: terminal.streaming == 2)
    await watcher.until_phase("live")


async def test_relay_that_goes_away_and_comes_back(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    watcher = await watch_live(link, alice)
    await terminal.stop_relay()
    await watcher.until_phase("down")
    await watcher.until(lambda: "relay" in link.state.reason)
    await terminal.start_relay()
    begun = time.monotonic()
    await watcher.until_phase("live")
    assert time.monotonic() - begun < 10


async def test_silence_is_told_after_three_seconds_and_ended_after_six(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    watcher = await watch_live(link, alice)
    terminal.relay.faults.freeze()
    begun = time.monotonic()
    await watcher.until_phase("silent")
    assert 1.9 < time.monotonic() - begun < 3.5  # 3 s after the last push, which was up to 1 s earlier
    assert "3 s" in link.state.reason
    assert watcher.value() == 12.5
    silent_since = link.state.since
    await watcher.until_phase("down")
    assert 4.5 < time.monotonic() - begun < 7
    assert link.state.since == silent_since
    terminal.relay.faults.thaw()
    await watcher.until_phase("live")


async def test_short_silence_ends_without_a_new_session(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await terminal.stop_agent()
    terminal.heartbeat = 0.2
    monkeypatch.setattr(link_status, "SILENCE", 0.6)
    await terminal.start_agent()
    watcher = await watch_live(link, alice)
    terminal.relay.faults.freeze()
    await watcher.until_phase("silent")
    terminal.relay.faults.thaw()
    await watcher.until_phase("live")
    assert watcher.phases == ["live", "silent", "live"]


async def test_source_that_goes_down_is_told(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    watcher = await watch_live(link, alice)
    terminal.agent.drivers["main"].set_state(2, "the process server does not answer")  # type: ignore[attr-defined]
    await watcher.until(lambda: link.sources["main"].code == 2)
    assert link.sources["main"].reason == "the process server does not answer"
    assert link.state.phase == "live"


async def test_damaged_frame_costs_one_session_and_no_wrong_value(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    watcher = await watch_live(link, alice)
    terminal.relay.faults.corrupt_next_frame()
    await watcher.until_phase("down")
    await watcher.until_phase("live")
    assert watcher.value() == 12.5


async def test_link_outlives_its_last_watcher_a_little(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_link, "LINGER", 0.5)
    watcher = await watch_live(link, alice)
    link.expect(alice)
    link.detach(watcher)
    begun = time.monotonic()
    await asyncio.sleep(0)
    assert terminal.agent.uplink.sessions == 1
    await eventually(lambda: terminal.agent.uplink.sessions == 0)
    assert time.monotonic() - begun >= 0.4
    assert link.state.phase == "connecting"
    link.attach(watcher)  # and starts again for the next one
    await watcher.until_phase("live")


async def test_a_view_that_fails_does_not_stop_the_others(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    class Broken(Onlooker):
        def readings_changed(self, tags: object) -> None:
            raise RuntimeError("a view with a mistake in it")

    broken, watcher = Broken(link, alice), Onlooker(link, alice)
    link.attach(broken)
    link.attach(watcher)
    await watcher.until_phase("live")
    terminal.set("TK-101.level", 3.0)
    await watcher.until(lambda: watcher.value() == 3.0)
