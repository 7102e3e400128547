"""The supervisor: watching, reading, going down, coming back, and what a bad source costs the others: nothing."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK
from relay_bridge.agent.drivers.rest import SettingsError, make_driver
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, BAD_NODE_ID_UNKNOWN, Reading
from tests.relay_bridge.agent.drivers.rest.support import NOW, PLAIN, TANK, driver, live, running, source, tag
from tests.support import rest_server
from tests.support.rest_server import RestServer, Status

STALE = 0x408F0000


async def test_watched_values_come_and_keep_coming() -> None:
    numbers = itertools.count()
    async with RestServer() as server:
        server.answers["/tank"] = lambda _: {"v": next(numbers), "t": NOW}
        made = driver(source(server.url, TANK), tag("level", "tank#"))
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: sink.readings["level"].value >= 3)
        assert sink.readings["level"].time == NOW and sink.readings["level"].quality == 0


async def test_only_groups_with_watched_tags_are_asked() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/tank": {"v": 2, "t": NOW}}
        made = driver(source(server.url, PLAIN, TANK), tag("level", "plain#/level"), tag("other", "tank#"))
        async with live(made) as sink:
            assert sink.readings == {}
            made.watch(["other"])
            await server.until(lambda: len(server.asked_for("/tank")) > 3)
            plain = len(server.asked_for("/plain"))
            await server.until(lambda: len(server.asked_for("/tank")) > 5)
            assert len(server.asked_for("/plain")) == plain
            made.unwatch(["other"])
            made.watch(["level"])
            await server.until(lambda: len(server.asked_for("/plain")) > plain + 1)
            tank = len(server.asked_for("/tank"))
            await server.until(lambda: len(server.asked_for("/plain")) > plain + 3)
            assert len(server.asked_for("/tank")) == tank


async def test_a_tag_watched_late_need_not_wait_for_a_slow_group() -> None:
    slow = RestGroup(id="plain", path="/plain", interval_s=60)
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 1, "temp": 20}
        made = driver(source(server.url, slow), tag("level", "plain#/level"), tag("temp", "plain#/temp"))
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)
            made.watch(["temp"])
            await sink.until(lambda: "temp" in sink.readings, 2)


async def test_unknown_tag_is_told_as_such() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 1}
        made = driver(source(server.url))
        async with live(made) as sink:
            made.watch(["nobody"])
            assert sink.readings["nobody"].quality == BAD_NODE_ID_UNKNOWN
            assert (await made.read(["nobody"], 1.0))["nobody"].quality == BAD_NODE_ID_UNKNOWN


async def test_fresh_read_asks_once_for_all_tags_of_a_group_and_is_shared() -> None:
    slow = RestGroup(id="plain", path="/plain", interval_s=3600)
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 1, "temp": 20}
        made = driver(
            source(server.url, slow, requests_per_second=1),
            tag("level", "plain#/level"),
            tag("temp", "plain#/temp"),
        )
        async with live(made):
            before = len(server.asked)
            answers = await asyncio.gather(*(made.read(["level", "temp"], 3.0) for _ in range(20)))
            assert all(answer["level"].value == 1 and answer["temp"].value == 20 for answer in answers)
            # The request limit lets one a second through: twenty people who ask meanwhile share it.
            assert len(server.asked) - before == 1


async def test_a_read_never_gets_an_answer_to_an_earlier_question() -> None:
    """A write's read-back must not be given what was asked before the write."""
    slow = RestGroup(id="plain", path="/plain", interval_s=3600)
    release, numbers = asyncio.Event(), itertools.count()

    async def answer(_: object) -> dict[str, int]:
        number = next(numbers)
        if number == 1:
            await release.wait()
        return {"level": number}

    async with RestServer() as server:
        server.answers["/plain"] = answer
        made = driver(source(server.url, slow, connections=2))
        async with live(made):
            first = asyncio.create_task(made.read(["level"], 5.0))
            await server.until(lambda: len(server.asked) == 2)
            second = await made.read(["level"], 5.0)
            assert second["level"].value == 2
            release.set()
            assert (await first)["level"].value == 1


async def test_down_when_nothing_listens_and_back_when_it_does() -> None:
    server = RestServer()
    await server.open()
    server.answers["/plain"] = {"level": 5}
    made = driver(source(server.url))
    async with live(made, ["level"]) as sink:
        await sink.until(lambda: "level" in sink.readings)
        good = sink.readings["level"]
        await server.shut()
        state = await sink.until_state(DOWN, 3)
        assert state.reason == "the process server does not accept connections; it may not be running"
        await sink.until(lambda: sink.readings["level"].quality == STALE)
        assert sink.readings["level"] == Reading(5, good.time, STALE) or sink.readings["level"].value == 5
        with pytest.raises(RequestRefused, match="source_down"):
            await made.read(["level"], 1.0)
        await server.open()
        await sink.until_state(OK, 10)
        await sink.until(lambda: sink.readings["level"].quality == 0)
    await server.shut()


WRONG = [
    (rest_server.silent, "did not answer within 0.5 s"),
    (rest_server.slow_headers, "did not answer within 0.5 s"),
    (rest_server.slow_body, "was not complete within 1 s"),
    (rest_server.many_headers, "bytes of headers"),
    (rest_server.huge, "answer is too large"),
    (rest_server.huge_by_length, "answer is too large"),
    (rest_server.bomb, "answer is too large"),
    (rest_server.reset, "broke off in the middle of its answer"),
    (rest_server.hang_up, "closed the connection without an answer"),
    (rest_server.text(b"<html>"), "is not JSON"),
    (rest_server.text(b""), "is not JSON"),
    (rest_server.text(b'{"level": 1, "level": 2}'), "names the same thing twice"),
    (rest_server.text(b"[" * 500 + b"]" * 500), "nested deeper"),
    (rest_server.text(b"[" + b"0," * 250_000 + b"0]"), "more than 200000 values"),
    (rest_server.text(b'{"niveau": 1}'), "another shape"),
    (rest_server.Raw(b"SSH-2.0-OpenSSH\r\n\r\n"), "speaks no proper HTTP"),
    (Status(302, {}, "Location: http://127.0.0.1:1/\r\n"), "redirect, which is not followed"),
    (Status(500, {}), "status 500"),
    (Status(429, {}), "too busy"),
    (Status(403, {}), "does not let this user read it"),
    (Status(404, {}), "does not know what it is asked for"),
]


async def goes_wrong_and_recovers(behaviour: Any, words: str) -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 5}
        made = driver(source(server.url, max_answer=1024 * 1024))
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)
            server.answers["/plain"] = behaviour
            state = await sink.until_state(DOWN, 10)
            assert words in state.reason and "127.0.0.1" not in state.reason, (state, words)
            await sink.until(lambda: sink.readings["level"].quality == STALE)
            assert sink.readings["level"].value == 5
            server.answers["/plain"] = {"level": 6}
            await sink.until_state(OK, 10)
            assert sink.readings["level"].value == 6 and sink.readings["level"].quality == 0


@pytest.mark.parametrize("begin", range(0, len(WRONG), 7))
async def test_whatever_goes_wrong_is_told_in_words_and_is_over_when_it_is_over(begin: int) -> None:
    await asyncio.gather(*(goes_wrong_and_recovers(*case) for case in WRONG[begin : begin + 7]))


async def test_one_bad_group_degrades_and_the_other_does_not_notice() -> None:
    async with RestServer() as server:
        numbers = itertools.count()
        server.answers |= {"/plain": rest_server.bomb, "/tank": lambda _: {"v": next(numbers), "t": NOW}}
        made = driver(source(server.url, PLAIN, TANK), tag("level", "plain#/level"), tag("other", "tank#"))
        async with running(made, ["level", "other"]) as sink:
            state = await sink.until_state(DEGRADED, 5)
            assert state.reason.startswith("1 of 2 requests fail: the process server's answer is too large")
            assert sink.readings["level"].quality == BAD_NO_COMMUNICATION
            seen = sink.readings["other"].value
            await sink.until(lambda: sink.readings["other"].value >= seen + 5, 3)
            server.answers["/plain"] = {"level": 1}
            await sink.until_state(OK, 10)
            found = await made.read(["level", "other"], 2.0)
            assert found["level"].value == 1


async def test_groups_that_hang_do_not_hold_up_the_others() -> None:
    groups = [RestGroup(id=f"g{n}", path=f"/{n}", interval_s=0.05) for n in range(4)]
    async with RestServer() as server:
        numbers = itertools.count()
        server.answers |= {f"/{n}": rest_server.silent for n in range(3)} | {"/3": lambda _: {"v": next(numbers)}}
        tags = [tag(f"t{n}", f"g{n}#/v") for n in range(4)]
        async with running(
            driver(source(server.url, *groups, first_byte_s=0.2), *tags), [one.id for one in tags]
        ) as sink:
            await sink.until_state(DEGRADED, 10)
            await sink.until(lambda: "3 of 4 requests fail" in sink.state.reason, 10)
            seen = sink.readings["t3"].value
            # Each of the three takes 0.2 s to fail; in that time the fourth goes on being read.
            hung = len(server.asked) - len(server.asked_for("/3"))
            await sink.until(lambda: sink.readings["t3"].value >= seen + 6, 4)
            assert len(server.asked) - len(server.asked_for("/3")) - hung <= 5
            assert sink.state.code == DEGRADED


async def test_a_source_in_trouble_does_not_slow_another_one_down() -> None:
    async with RestServer() as bad, RestServer() as good:
        bad.answers["/plain"], good.answers["/plain"] = rest_server.bomb, {"level": 1}
        first = driver(source(bad.url))
        second = driver(source(good.url))
        loop = asyncio.get_running_loop()
        async with running(first, ["level"]), live(second, ["level"]):
            worst = 0.0
            for number in range(2, 4):
                await bad.until(lambda number=number: len(bad.asked) >= number)
                began = loop.time()
                assert (await second.read(["level"], 1.0))["level"].value == 1
                worst = max(worst, loop.time() - began)
        assert worst < 0.5


async def test_requests_stay_below_the_configured_load() -> None:
    each = RestGroup(id="each", path="/tags/{id}", interval_s=0.05, value="/v")
    async with RestServer() as server:
        tags = [tag(f"t{number}", f"each#T {number}/PV") for number in range(25)]
        server.answers |= {f"/tags/T {number}/PV": {"v": number} for number in range(25)}
        made = driver(source(server.url, each, requests_per_second=20, connections=4), *tags)
        loop = asyncio.get_running_loop()
        times: list[float] = []
        plain = server.answers.copy()
        for path, document in plain.items():
            server.answers[path] = lambda _, document=document: times.append(loop.time()) or document
        async with live(made, [one.id for one in tags]) as sink:
            await sink.until(lambda: len(sink.readings) == 25, 10)
        for at in times:
            assert sum(1 for other in times if at <= other < at + 0.95) <= 20
        assert {reading.value for reading in sink.readings.values()} == set(range(25))
        assert all("/tags/T%20" in asked.target and "%2FPV" in asked.target for asked in server.asked)
        notes = made.notes()
        assert "at most 20 requests a second" in notes[0] and "25.0 times less often" in notes[1]


async def test_one_unknown_entity_does_not_take_the_others_along() -> None:
    each = RestGroup(id="each", path="/tags/{id}", interval_s=0.05, value="/v")
    async with RestServer() as server:
        server.answers["/tags/b"] = {"v": 2}
        made = driver(source(server.url, each), tag("a", "each#a"), tag("b", "each#b"))
        async with live(made, ["a", "b"]) as sink:
            await sink.until(lambda: "a" in sink.readings and sink.readings.get("b") is not None)
            assert sink.readings["a"].quality == BAD_NODE_ID_UNKNOWN and sink.readings["b"].value == 2
            assert sink.state.code == OK


async def test_a_dead_kept_connection_costs_nothing() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 1}
        made = driver(source(server.url))
        async with live(made, ["level"]) as sink:
            for _ in range(5):
                before = len(sink.puts)
                await sink.until(lambda before=before: len(sink.puts) > before)
                server.cut()  # between two polls
            assert [state.code for state in sink.states] == [DOWN, OK]


async def test_ends_cleanly_in_the_middle_of_a_request() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = rest_server.silent
        async with running(driver(source(server.url, first_byte_s=30, deadline_s=60)), ["level"]):
            await server.until(lambda: bool(server.asked))
        assert server.connections >= 1


def test_a_source_without_a_place_for_any_tag_is_refused() -> None:
    with pytest.raises(SettingsError, match="no tag stands at this source"):
        make_driver(source("http://127.0.0.1:1"), [])


async def test_what_nobody_foresaw_is_told_and_leaves_nothing_looking_live() -> None:
    broken = False

    def clock() -> float:
        nonlocal broken
        if broken:
            broken = False
            raise RuntimeError("a fault of ours")
        return NOW / 1000

    async with RestServer() as server:
        server.answers |= {"/tank": {"v": 1, "t": NOW}, "/plain": {"level": 1}}
        made = driver(source(server.url, TANK, PLAIN), tag("level", "tank#"), tag("b", "plain#/level"), clock=clock)
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)
            broken = True
            await sink.until(lambda: any(reading.quality == STALE for _, reading in sink.puts))
            await sink.until(lambda: sink.readings["level"].quality == 0)
        assert any("unexpected RuntimeError" in state.reason for state in sink.states)


async def test_the_digits_that_a_source_writes_are_kept() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = b'{"gov": 1234.50, "temp": "20.125", "raw": 0.30000000000000004, "count": 7}'
        names = ("gov", "temp", "raw", "count")
        made = driver(source(server.url), *(tag(name, f"plain#/{name}") for name in names))
        async with live(made, names) as sink:
            await sink.until(lambda: len(sink.readings) == 4)
        assert made.digits() == {"gov": 2, "temp": 3, "count": 0}
        assert type(sink.readings["gov"].value) is float and sink.readings["gov"].value == 1234.5
