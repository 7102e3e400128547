"""History: slices, order, aggregates, and what a source's mistakes become."""

from __future__ import annotations

from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestAggregate, RestHistory
from relay_bridge.agent.drivers.abilities import Bucket
from relay_bridge.agent.drivers.rest import SettingsError
from relay_bridge.agent.drivers.rest.times import format_time, parse_time
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Reading
from tests.relay_bridge.agent.drivers.rest.support import driver, live, source
from tests.support import rest_server
from tests.support.rest_server import Asked, RestServer, Status

START = 1_795_370_400_000  # epoch ms, a whole minute
PATH = "/history?tag={id}&from={from}&to={to}"
SETTINGS = RestHistory(
    path=PATH + "&max={limit}",
    rows="/rows",
    value="/v",
    time="/t",
    span_s=60,
    aggregate=RestAggregate(path=PATH + "&fn={aggregate}&every={seconds}", minimum="min", maximum="max", average="avg"),
)


def samples(step: int, count: int, shift: int = 0) -> list[dict[str, Any]]:
    return [{"t": f"{_iso(START + shift + n * step)}", "v": str(n)} for n in range(count)]


def _iso(moment: int) -> str:
    return format_time(moment, "iso").replace("Z", "0000Z")  # ticks of 100 ns, as .NET writes them


def between(asked: Asked) -> tuple[int, int]:
    start, end = (parse_time(asked.query[name][0], "iso") for name in ("from", "to"))
    assert start is not None and end is not None
    return start, end


class Historian:
    """Has samples; answers newest first, both ends included, as some do."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def __call__(self, asked: Asked) -> Any:
        start, end = between(asked)
        found = [row for row in self.rows if start <= (parse_time(row["t"], "iso") or 0) <= end]
        if "fn" in asked.query:
            return self.aggregate(asked, start)
        return {"rows": found[::-1]}

    def aggregate(self, asked: Asked, start: int) -> Any:
        shift = {"min": -1, "max": 1, "avg": 0}[asked.query["fn"][0]]
        width = int(asked.query["every"][0]) * 1000
        return {"rows": [{"t": _iso(start + n * width), "v": n * 10 + shift} for n in (0, 1, 3)]}


async def test_raw_samples_oldest_first_over_slices_each_once() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/history": Historian(samples(10_000, 30))}
        made = driver(source(server.url, history=SETTINGS))
        async with live(made):
            assert {"history_raw", "history_aggregate"} <= made.capabilities
            found = await made.history_raw("level", START, START + 200_000, 100, 5.0)
            assert found.readings == [Reading(n, START + n * 10_000) for n in range(20)] and not found.more
            assert len(server.asked_for("/history")) == 4  # 200 s in slices of 60 s
            asked = server.asked_for("/history")[0]
            assert asked.query["tag"] == ["/level"] and asked.query["max"] == ["101"]
            page = await made.history_raw("level", START, START + 300_000, 7, 5.0)
            assert len(page.readings) == 7 and page.more
            rest = await made.history_raw("level", page.readings[-1].time + 1, START + 300_000, 100, 5.0)
            assert [reading.value for reading in (*page.readings, *rest.readings)] == list(range(30))
            empty = await made.history_raw("level", START - 100_000, START, 10, 5.0)
            assert empty.readings == [] and not empty.more


async def test_aggregates_by_bucket_and_nothing_where_there_is_nothing() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/history": Historian([])}
        made = driver(source(server.url, history=SETTINGS))
        async with live(made):
            buckets = await made.history_aggregate("level", START, 60_000, 5, 5.0)
            assert buckets == [
                Bucket(-1.0, 1.0, 0.0, "0"), Bucket(9.0, 11.0, 10.0, "0"), Bucket(None, None, None, "3"),
                Bucket(29.0, 31.0, 30.0, "0"), Bucket(None, None, None, "3"),
            ]  # fmt: skip
            assert {asked.query["fn"][0] for asked in server.asked_for("/history")} == {"min", "max", "avg"}
            with pytest.raises(RequestRefused, match="whole seconds"):
                await made.history_aggregate("level", START, 1500, 5, 5.0)


async def test_buckets_that_cannot_be() -> None:
    rows: dict[str, Any] = {
        "min": [{"t": _iso(START), "v": 5}, {"t": _iso(START + 60_000), "v": "Bad"}, {"t": "noon", "v": 1}],
        "max": [{"t": _iso(START), "v": 4}, {"t": _iso(START + 60_000), "v": 9}, {"t": _iso(START - 1), "v": 1}],
        "avg": [{"t": _iso(START + 120_000), "v": 3}, {"t": _iso(START + 900_000), "v": 3}],
    }
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/history": lambda asked: {"rows": rows[asked.query["fn"][0]]}}
        made = driver(source(server.url, history=SETTINGS))
        async with live(made):
            crossed, bad, part = await made.history_aggregate("level", START, 60_000, 3, 5.0)
            assert crossed == Bucket(None, None, None, "2")  # a minimum above the maximum
            assert bad == Bucket(None, 9.0, None, "2")
            assert part == Bucket(None, None, 3.0, "1")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Status(404, {}), "not_found", "no history of this tag"),
        (Status(500, {}), "source_refused", "status 500"),
        ({"rows": {}}, "source_refused", "another shape"),
        ({"rows": [{"time": 1, "v": 1}]}, "source_refused", "another shape"),
        (rest_server.bomb, "source_refused", "too large"),
        (rest_server.silent, "source_down", "did not answer"),
    ],
    ids=str,
)
async def test_what_goes_wrong_is_refused_in_words(answer: Any, code: str, words: str) -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/history": answer}
        made = driver(source(server.url, history=SETTINGS))
        async with live(made) as sink:
            with pytest.raises(RequestRefused, match=words) as refused:
                await made.history_raw("level", START, START + 60_000, 10, 3.0)
            assert refused.value.code == code and "127.0.0.1" not in refused.value.message
            assert sink.state.code == 0  # the live values do not suffer from it


async def test_a_deadline_between_two_slices_gives_what_there_is() -> None:
    answers = [{"rows": samples(10_000, 6)}]
    async with RestServer() as server:
        server.answers |= {
            "/plain": {"level": 1},
            "/history": lambda _: answers.pop() if answers else rest_server.silent,
        }
        made = driver(source(server.url, history=SETTINGS, first_byte_s=5, deadline_s=5))
        async with live(made):
            found = await made.history_raw("level", START, START + 3_600_000, 100, 0.4)
            assert len(found.readings) == 6 and found.more


async def test_no_history_is_said_so() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"level": 1}
        made = driver(source(server.url))
        async with live(made):
            with pytest.raises(RequestRefused, match="unsupported"):
                await made.history_raw("level", START, START + 1, 1, 1.0)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"path": "/h?from={from}&to={to}"}, "lacks {id}"),
        ({"path": "/h?t={id}&from={from}"}, "lacks {to}"),
        ({"aggregate": RestAggregate(path=PATH + "&fn={aggregate}")}, "width of a bucket"),
        ({"quality": "/q"}, "quality_map"),
    ],
)
def test_settings_that_cannot_be(facts: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        driver(source("http://127.0.0.1:1", history=RestHistory(**{"path": PATH, "rows": "/r", **facts})))
