"""Shared views on a real link that a test feeds by hand: one encoding for all, honest order, few bytes."""

from __future__ import annotations

import asyncio

import pytest

from hmi.ingest.site_link import SiteLink
from hmi.live import hub as hub_module
from hmi.live import views as views_module
from hmi.live.hub import Hub
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading
from tests.hmi.live.screen import LEVELS, T, catalog, go_live, look


async def test_live_and_all_values_come_in_one_frame(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    assert screen.frames[0]["link"][0] == "connecting"
    assert screen.frames[0]["d"] == []
    await go_live(link)
    first_live = next(frame for frame in screen.frames if frame.get("link", [""])[0] == "live")
    assert first_live["k"] == "s"
    assert list(first_live["h"]) == LEVELS
    assert [item[1] for item in first_live["d"]] == [5.0, 5.0]
    assert first_live["x"]["TK-101"]["alarm"] == ""


async def test_after_an_outage_the_old_value_is_never_called_live(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link, level=5.0)
    link._status.went_down("the agent was stopped")
    assert screen.frames[-1]["k"] == "h"
    assert screen.frames[-1]["link"][0] == "down"
    link.took_readings({tag: Reading(9.0, T) for tag in LEVELS})
    link.became_current(LEVELS)
    down = max(i for i, frame in enumerate(screen.frames) if frame.get("link", [""])[0] == "down")
    assert [frame["k"] for frame in screen.frames[down + 1 :]] == ["s"]
    assert screen.frames[-1]["link"][0] == "live"
    assert [item[1] for item in screen.frames[-1]["d"]] == [9.0, 9.0]


async def test_page_is_not_live_before_everything_it_shows_was_heard_of(link: SiteLink, hub: Hub) -> None:
    await go_live(link)
    link.dropped(["TK-102.level"])  # another page kept the link up, and did not show this tank
    screen = look(link, hub)
    assert screen.frames[0]["link"][0] == "connecting"
    link.took_readings({"TK-102.level": Reading(7.0, T)})
    assert [frame["k"] for frame in screen.frames] == ["s", "s"]
    assert screen.frames[1]["link"][0] == "live"
    assert [item[1] for item in screen.frames[1]["d"]] == [5.0, 7.0]


async def test_change_is_encoded_once_for_everybody(link: SiteLink, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    encode = views_module.encode_body
    monkeypatch.setattr(views_module, "encode_body", lambda fields: made.append(fields) or encode(fields))
    screens = [look(link, hub) for _ in range(50)]
    await go_live(link)
    assert len(hub.views) == 1
    made.clear()
    link.took_readings({"TK-101.level": Reading(6.0, T)})
    await screens[-1].next("d")
    assert len(made) == 1
    bodies = {text.split(",", 2)[2] for text in (screen.texts[-1] for screen in screens)}
    assert len(bodies) == 1


async def test_values_go_out_at_most_twice_a_second_and_the_newest_wins(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    link.took_readings({"TK-101.level": Reading(6.0, T)})
    first = await screen.next("d")
    begun = asyncio.get_running_loop().time()
    for step in range(1, 21):
        link.took_readings({"TK-101.level": Reading(6.0 + step / 100, T + step)})
    second = await screen.next("d")
    assert asyncio.get_running_loop().time() - begun > hub_module.PUBLISH_SPACING * 0.8
    assert [item[1] for item in second["d"]] == [6.2]
    assert second["n"] == first["n"] + 1


async def test_unchanged_readings_send_nothing(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    sent = len(screen.frames)
    link.took_readings({tag: Reading(5.0, T) for tag in LEVELS})
    link.took_sources({"main": SourceState(0, T, "")})
    hub.views["north"].publish_now()
    assert len(screen.frames) == sent  # not even what the snapshot had already


async def test_source_that_fails_is_told_at_once(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    link.took_sources({"main": SourceState(2, T + 5, "no answer"), "other": SourceState(2, T, "")})
    assert screen.frames[-1]["k"] == "h"
    assert screen.frames[-1]["src"] == {"main": [2, T + 5, "no answer"]}


async def test_source_that_is_back_is_told_in_one_frame_with_its_values(link: SiteLink, hub: Hub) -> None:
    """A state leaves at once and values wait for their half second: apart, those from before would look live."""
    screen = look(link, hub)
    await go_live(link)
    link.took_readings({"TK-101.level": Reading(6.0, T)})
    await screen.next("d")  # the next values wait now
    link.took_sources({"main": SourceState(2, T + 5, "no answer")})
    link.took_readings({tag: Reading(9.0, T + 9) for tag in LEVELS})
    link.took_sources({"main": SourceState(0, T + 9, "")})
    down = max(i for i, frame in enumerate(screen.frames) if frame.get("src", {}).get("main", [0])[0] == 2)
    assert [frame["k"] for frame in screen.frames[down + 1 :]] == ["s"]
    assert screen.frames[-1]["src"] == {"main": [0, T + 9, ""]}
    assert [item[1] for item in screen.frames[-1]["d"]] == [9.0, 9.0]


async def test_source_of_another_page_that_is_back_costs_no_snapshot(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    link.took_sources({"main": SourceState(0, T, ""), "other": SourceState(2, T, "no answer")})
    sent = len(screen.frames)
    link.took_sources({"main": SourceState(0, T, ""), "other": SourceState(0, T + 9, "")})
    assert len(screen.frames) == sent


async def test_phone_without_credit_hears_that_a_source_is_back_with_its_values(link: SiteLink, hub: Hub) -> None:
    screen, other = look(link, hub), look(link, hub)
    await go_live(link)
    screen.answers = False
    for value in (6.0, 7.0):
        link.took_readings({"TK-101.level": Reading(value, T)})
        await other.next("d")
    assert screen.outbox.blocked
    link.took_sources({"main": SourceState(2, T + 5, "no answer")})
    assert screen.frames[-1]["src"]["main"][0] == 2
    link.took_readings({tag: Reading(9.0, T + 9) for tag in LEVELS})
    link.took_sources({"main": SourceState(0, T + 9, "")})
    assert screen.frames[-1]["src"]["main"][0] == 2
    screen.outbox.acknowledge(screen.frames[-1]["n"])
    screen.wake()
    assert screen.frames[-1]["k"] == "s"
    assert [item[1] for item in screen.frames[-1]["d"]] == [9.0, 9.0]


async def test_slow_phone_gets_one_catch_up(link: SiteLink, hub: Hub) -> None:
    fast, slow = look(link, hub), look(link, hub)
    await go_live(link)
    slow.answers = False
    for value in (6.0, 7.0, 8.0, 9.0):
        link.took_readings({"TK-101.level": Reading(value, T)})
        await fast.next("d")
    seen = [item[1] for frame in slow.frames if frame["k"] == "d" for item in frame["d"]]
    assert seen == [6.0, 7.0]
    slow.outbox.acknowledge(99)
    slow.outbox.acknowledge(slow.frames[-1]["n"])
    slow.wake()
    assert [item[1] for item in slow.frames[-1]["d"]] == [9.0]
    assert [frame["n"] for frame in slow.frames] == list(range(1, len(slow.frames) + 1))


async def test_heartbeat_when_nothing_changes(link: SiteLink, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT", 0.2)
    monkeypatch.setattr(hub_module, "SLOW_HEARTBEAT", 0.5)
    front, behind = look(link, hub), look(link, hub)
    await go_live(link)
    behind.outbox.set_background(True)
    behind.frames.clear()
    behind.wake()
    for _ in range(5):
        beat = await front.next("h")
    assert set(beat) == {"k", "n", "t", "src", "link"}
    beats = [frame for frame in behind.frames if frame["k"] == "h"]
    assert 2 <= len(beats) <= 4  # the one that confirmed the background, then the slow ones


async def test_changed_catalog_gives_new_handles_with_a_snapshot(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    link.took_catalog(catalog("TK-201", "TK-101", mark="b"))
    assert screen.frames[-1]["k"] == "s"
    assert screen.frames[-1]["h"] == {"TK-201.level": 1, "TK-101.level": 2}
    assert screen.frames[-1]["d"] == [[2, 5.0, T - screen.frames[-1]["t"]]]


async def test_alarm_does_not_wait_for_its_turn(link: SiteLink, hub: Hub) -> None:
    screen = look(link, hub)
    await go_live(link)
    link.took_readings({"TK-101.level": Reading(13.5, T)})
    assert (await screen.next("d"))["x"] == {"TK-101": {"alarm": "H", "move": "unknown"}}
    link.took_readings({"TK-101.level": Reading(14.5, T)})
    assert (await screen.next("d"))["x"]["TK-101"]["alarm"] == "HH"


async def test_last_to_leave_ends_the_view_and_the_link_waits_a_little(link: SiteLink, hub: Hub) -> None:
    first, second = look(link, hub), look(link, hub)
    await go_live(link)
    hub.leave("north", first)
    assert link.wanted_tags() == set(LEVELS)
    hub.leave("north", second)
    assert not hub.views
    assert link.wanted_tags() == set()
    assert link.candidates() == [second.access]


async def test_whose_access_ended_is_no_candidate_any_more(link: SiteLink, hub: Hub) -> None:
    only = look(link, hub)
    await go_live(link)
    hub.leave("north", only, ended=[only.access])
    assert link.candidates() == []
