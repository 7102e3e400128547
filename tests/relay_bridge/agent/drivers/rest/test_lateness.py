"""More is watched than may be asked for: what waits too long for its turn does not look fresh until it is read."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.base import DOWN, OK, Cautioning, Preferring
from relay_bridge.agent.drivers.rest.fields import Fields
from relay_bridge.agent.drivers.rest.lateness import REMEMBERED, Lateness
from relay_bridge.agent.drivers.rest.units import Unit
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE
from tests.relay_bridge.agent.drivers.opcua.support import Recorder
from tests.relay_bridge.agent.drivers.rest.support import driver, live, source, tag
from tests.support.rest_server import RestServer, Status, silent

STALE = UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE
NAMES = [f"T-{number}" for number in range(12)]
EACH = RestGroup(id="one", path="/tags/{id}", interval_s=0.05, value="/v")


def unit() -> Unit:
    group = RestGroup(id="g", path="/g", interval_s=2.0)
    return Unit(group, "/g", Fields(group, {}))


def lateness() -> Lateness:
    return Lateness(lambda each: each.group.interval_s, 4.0)


@pytest.mark.parametrize(("now", "late"), [(100.0, False), (105.9, False), (106.1, True)])
def test_late_is_what_is_overdue_by_more_than_stale_s(now: float, late: bool) -> None:
    one, looked = unit(), lateness()
    looked.answered(one, 100.0)
    assert looked.look(now) == ([one] if late else []) and looked.was_late(now) is late


def test_it_is_marked_once_until_its_next_answer() -> None:
    one, looked = unit(), lateness()
    assert looked.look(1000.0) == [], "what was never answered shows nothing that could look fresh"
    looked.answered(one, 100.0)
    assert looked.look(107.0) == [one] and looked.look(108.0) == []
    looked.answered(one, 109.0)
    assert looked.look(116.0) == [one]
    assert looked.was_late(116.0 + REMEMBERED - 1) and not looked.was_late(116.0 + REMEMBERED)


@pytest.mark.parametrize("how", [lambda looked, one: looked.forget(one), lambda looked, _: looked.clear()])
def test_what_was_marked_for_another_reason_is_not_late(how: Any) -> None:
    one, looked = unit(), lateness()
    looked.answered(one, 100.0)
    how(looked, one)
    assert looked.look(1000.0) == [] and not looked.was_late(1000.0)


def told(recorder: Recorder, name: str) -> list[int]:
    return [reading.quality for tag_id, reading in recorder.puts if tag_id == name]


async def test_a_value_that_waits_for_its_turn_is_marked_and_good_again_once_read() -> None:
    async with RestServer() as server:
        server.answers |= {f"/tags/{name}": {"v": 1.5} for name in NAMES}
        settings = source(server.url, EACH, requests_per_second=4, stale_s=0.2)
        made = driver(settings, *(tag(name, f"one#{name}") for name in NAMES))
        async with live(made, NAMES) as recorder:
            assert made.warnings == [] and isinstance(made, Cautioning) and isinstance(made, Preferring)
            await recorder.until(lambda: STALE in told(recorder, "T-3"))
            before = len(told(recorder, "T-3"))
            assert told(recorder, "T-3")[:2] == [0, STALE], "marked once, not at every look"
            await recorder.until(lambda: 0 in told(recorder, "T-3")[before:])
            assert recorder.state.code == OK, "the source itself is well"
            (words,) = made.warnings
            assert words.startswith("more is watched than 4 requests a second can read: raise requests_per_second")
        assert made.warnings == [], "a source that is not there has other troubles"


async def test_a_slow_answer_is_late_too_and_the_advice_is_another() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 5}
        made = driver(source(server.url, stale_s=0.2, first_byte_s=30.0, deadline_s=30.0))
        async with live(made, ["level"]) as recorder:
            await recorder.until(lambda: told(recorder, "level")[:1] == [0])
            server.answers["/plain"] = silent
            await recorder.until(lambda: told(recorder, "level")[-1] == STALE)
            assert recorder.state.code == OK, "it has not failed yet"
            assert made.warnings[0].startswith("its answers take too long for all that is watched: raise connections")


async def test_what_failed_keeps_its_own_mark() -> None:
    async with RestServer() as server:
        server.answers |= {"/tags/T-0": {"v": 1.5}, "/tags/T-1": {"v": 1.5}}
        made = driver(source(server.url, EACH, stale_s=0.2), tag("T-0", "one#T-0"), tag("T-1", "one#T-1"))
        async with live(made, ["T-0", "T-1"]) as recorder:
            await recorder.until(lambda: told(recorder, "T-1")[:1] == [0])
            server.answers["/tags/T-1"] = Status(404)  # asked for less and less often, so long overdue
            await recorder.until(lambda: told(recorder, "T-1")[-1] == BAD_NODE_ID_UNKNOWN)
            failed = len(server.asked)
            await server.until(lambda: len(server.asked) > failed + 25)
            assert set(told(recorder, "T-1")) == {0, BAD_NODE_ID_UNKNOWN} and made.warnings == []


async def test_a_tag_that_joins_a_late_request_waits_for_its_first_answer() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 5, "temp": 7}
        settings = source(server.url, stale_s=0.2, first_byte_s=30.0, deadline_s=30.0)
        made = driver(settings, tag("level", "plain#/level"), tag("temp", "plain#/temp"))
        async with live(made, ["level"]) as recorder:
            await recorder.until(lambda: told(recorder, "level")[:1] == [0])
            server.answers["/plain"] = silent
            made.watch(["temp"])
            await recorder.until(lambda: told(recorder, "level")[-1] == STALE)
            assert told(recorder, "temp") == []


async def test_a_request_watched_through_two_tags_is_late_until_the_last_is_let_go() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 5, "temp": 7}
        settings = source(server.url, stale_s=0.2, first_byte_s=30.0, deadline_s=30.0)
        made = driver(settings, tag("level", "plain#/level"), tag("temp", "plain#/temp"))
        async with live(made, ["level", "temp"]) as recorder:
            await recorder.until(lambda: told(recorder, "temp")[:1] == [0])
            server.answers["/plain"] = silent
            made.unwatch(["level"])
            last = len(told(recorder, "level"))
            await recorder.until(lambda: told(recorder, "temp")[-1] == STALE)
            assert len(told(recorder, "level")) == last, "nobody watches it"


async def test_what_people_look_at_stays_fresh_while_everything_is_recorded() -> None:
    many = [f"{name}-{copy}" for name in NAMES for copy in range(4)]
    slow = RestGroup(id="one", path="/tags/{id}", interval_s=0.5, value="/v")
    async with RestServer() as server:
        server.answers |= {f"/tags/{name}": {"v": 1.5} for name in many}
        settings = source(server.url, slow, requests_per_second=10, stale_s=1.5)
        made = driver(settings, *(tag(name, f"one#{name}") for name in many))
        async with live(made, many) as recorder:  # 96 requests a second are wanted: the local history
            await recorder.until(lambda: STALE in told(recorder, many[0]))
            made.prefer([many[0]], preferred=True)
            marked = len(recorder.puts)
            await server.until(lambda: len(server.asked_for(f"/tags/{many[0]}")) >= 5)
            since = [reading.quality for name, reading in recorder.puts[marked:] if name == many[0]]
            assert set(since) == {0}
            others = {asked.path for asked in server.asked[-20:]} - {f"/tags/{many[0]}"}
            assert len(others) > 10, "the others go on being recorded"
            made.prefer([many[0]], preferred=False)
            await recorder.until(lambda: told(recorder, many[0])[-1] == STALE)


async def test_the_heartbeat_does_not_wait_behind_the_values() -> None:
    beats = itertools.count()
    beat = RestGroup(id="beat", path="/beat", interval_s=0.5)
    async with RestServer() as server:
        server.answers |= {f"/tags/{name}": {"v": 1.5} for name in NAMES}
        server.answers["/beat"] = lambda _: next(beats)
        settings = source(server.url, EACH, beat, heartbeat="beat#", requests_per_second=8, stale_s=2.0)
        many = [f"{name}-{copy}" for name in NAMES for copy in range(4)]
        server.answers |= {f"/tags/{name}": {"v": 1.5} for name in many}
        made = driver(settings, *(tag(name, f"one#{name}") for name in many))
        async with live(made, many) as recorder:
            await recorder.until(lambda: len(recorder.readings) == len(many), 20)
            up = recorder.states[next(i for i, state in enumerate(recorder.states) if state.code == OK) :]
            assert DOWN not in [state.code for state in up], "48 values at 8 a second: a queue of 6 s"
