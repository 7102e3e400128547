"""``hist``: the best place that has it, told by name; bounds; pages; and over a sealed session."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.abilities import Bucket, RawHistory
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.history.buckets import Plan, fill_buckets
from relay_bridge.agent.site import Site, open_site
from relay_bridge.agent.trust import load_trust
from relay_bridge.contract.codec import encode_result
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import MAX_SPAN_MS, Hist, HistAnswer
from relay_bridge.contract.messages import Answer
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, Reading
from tests.relay_bridge.agent.support import SOURCE, TANK, ManualClock, SiteFolder

LEVEL = "TK-101.level"
MORE = """
[[tank]]
id = "TK-20{}"
source = "main"
area = "South farm"
map = {{ level = "Level" }}
"""


class KeepingDriver(MemoryDriver):
    """A source that keeps what its tags were. ``can``: which kinds of history it has; ``fails``: what it answers."""

    def __init__(self, tags: list[str], can: set[str], clock: ManualClock) -> None:
        super().__init__("main", tags, wall_ms=clock.wall_ms)
        self.capabilities = frozenset({"read", "subscribe"} | can)
        self.kept: list[Reading] = []
        self.fails: dict[str, RequestRefused] = {}
        self.tells_before = False

    async def history_raw(self, tag: str, start: int, end: int, limit: int, deadline: float) -> RawHistory:
        self._refuse("history_raw")
        inside = [reading for reading in self.kept if start <= reading.time < end]
        before = [reading for reading in self.kept if reading.time < start]
        return RawHistory(inside[:limit], len(inside) > limit, before[-1] if before else None)

    async def history_aggregate(self, tag: str, start: int, width: int, count: int, deadline: float) -> list[Bucket]:
        self._refuse("history_aggregate")
        if self.tells_before:  # as servers do: a bucket without a sample of its own is empty
            return [self._counted(begin, begin + width) for begin in range(start, start + width * count, width)]
        columns = fill_buckets(Plan(start, width, count), self.kept, None, start + width * count)
        return [Bucket(*row) for row in zip(columns.lo, columns.hi, columns.av, columns.q, strict=True)]

    def _counted(self, begin: int, end: int) -> Bucket:
        inside = [float(reading.value) for reading in self.kept if begin <= reading.time < end]
        if not inside:
            return Bucket(None, None, None, "3")
        return Bucket(min(inside), max(inside), sum(inside) / len(inside), "0")

    def _refuse(self, what: str) -> None:
        if what in self.fails:
            raise self.fails[what]


Open = Callable[..., tuple[Site, KeepingDriver]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_yard(site: SiteFolder, clock: ManualClock) -> Open:
    def open_yard(*can: str, ring: str = "auto", many: bool = False) -> tuple[Site, KeepingDriver]:
        tanks = [TANK, *(MORE.format(number) for number in range(7))] if many else [TANK]
        config = load_config(site.configure(SOURCE, *tanks, f'[history]\nring = "{ring}"\n'))
        driver = KeepingDriver([tag.id for tag in config.tags], set(can), clock)
        trust = load_trust(config.trust, datetime.datetime.now(datetime.UTC))
        yard = open_site(config, trust, {"main": driver}, clock)
        yard.subscriptions.source_state("main", driver._state)
        return yard, driver

    return open_yard


def hour(clock: ManualClock, **other: object) -> Hist:
    now = clock.wall_ms()
    return Hist(**{"tags": [LEVEL], "start": now - 3_600_000, "end": now, "n": 60, **other})  # type: ignore[arg-type]


async def test_aggregates_come_before_samples_and_both_before_the_ring(open_yard: Open, clock: ManualClock) -> None:
    for can, src in (
        (("history_raw", "history_aggregate"), "aggregate"),
        (("history_raw",), "raw"),
        (("history_aggregate",), "aggregate"),
    ):
        yard, driver = open_yard(*can)
        driver.kept = [Reading(5.0, clock.wall_ms() - 1_800_000)]
        buckets = (await yard.history.answer(hour(clock))).b[LEVEL]
        assert buckets.src == src
        assert 5.0 in buckets.hi and None in buckets.hi
        assert not yard.recorder.records(LEVEL)


async def test_what_the_source_refuses_is_asked_at_the_next_place(open_yard: Open, clock: ManualClock) -> None:
    yard, driver = open_yard("history_raw", "history_aggregate")
    driver.kept = [Reading(5.0, clock.wall_ms() - 7_200_000)]
    driver.fails["history_aggregate"] = RequestRefused("unsupported", "The server makes no averages.")
    buckets = (await yard.history.answer(hour(clock))).b[LEVEL]
    assert (buckets.src, set(buckets.hi), set(buckets.q)) == ("raw", {5.0}, {"0"})  # it held when the hour began
    driver.fails["history_raw"] = RequestRefused("source_refused", "No.", status=0x80730000)
    answer = await yard.history.answer(hour(clock))
    assert answer.bad == {LEVEL: 0x80730000} and not answer.b


@pytest.mark.parametrize(
    ("quality", "lo", "digit"), [(0, 5.0, "0"), (0x408F0000, 5.0, "1"), (BAD_NO_COMMUNICATION, None, "2")]
)
async def test_aggregates_begin_with_what_held_before(
    open_yard: Open, clock: ManualClock, quality: int, lo: float | None, digit: str
) -> None:
    now = clock.wall_ms()
    yard, driver = open_yard("history_raw", "history_aggregate")
    driver.kept = [Reading(5.0, now - 7_200_000, quality), Reading(8.0, now - 1_800_000)]
    driver.tells_before = True
    buckets = (await yard.history.answer(hour(clock, end=now + 600_000))).b[LEVEL]
    at = buckets.lo.index(8.0)
    assert buckets.src == "aggregate" and 0 < at < len(buckets.lo) - 1
    assert set(zip(buckets.lo[:at], buckets.hi[:at], buckets.av[:at], buckets.q[:at], strict=True)) == {
        (lo, lo, lo, digit)
    }
    assert set(buckets.q[at + 1 :]) == {"3"}, "what lies between samples, and the future, is the source's word"
    driver.kept.pop()  # nobody touched it for hours
    buckets = (await yard.history.answer(hour(clock, end=now + 600_000))).b[LEVEL]
    held = (now - buckets.t0 - 1) // buckets.dt + 1
    assert buckets.q == digit * held + "3" * (len(buckets.q) - held)
    driver.fails["history_raw"] = RequestRefused("source_refused", "No.")
    assert set((await yard.history.answer(hour(clock))).b[LEVEL].q) == {"3"}, "the aggregates do not suffer"


async def test_a_source_that_is_down_is_not_waited_for(open_yard: Open, clock: ManualClock) -> None:
    yard, driver = open_yard("history_raw")
    driver.set_state(2, "gone")
    yard.subscriptions.source_state("main", driver._state)
    for mode in ("mma", "raw"):
        assert (await yard.history.answer(hour(clock, mode=mode))).bad == {LEVEL: BAD_NO_COMMUNICATION}


async def test_more_samples_than_are_read_leave_the_newest_part_empty_and_say_so(
    open_yard: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, driver = open_yard("history_raw")
    monkeypatch.setattr("relay_bridge.agent.history.answers.MAX_SAMPLES", 30)
    start = clock.wall_ms() // 60_000 * 60_000 - 3_600_000
    driver.kept = [Reading(1.0, start + minute * 60_000) for minute in range(60)]
    buckets = (await yard.history.answer(hour(clock, start=start, end=start + 3_600_000))).b[LEVEL]
    assert buckets.cut
    assert buckets.q == "0" * 30 + "3" * 30


async def test_samples_are_paged_without_losing_or_repeating_any(open_yard: Open, clock: ManualClock) -> None:
    yard, driver = open_yard("history_raw")
    start = clock.wall_ms() - 3_600_000
    times = [start + number // 3 * 7 for number in range(2000)]  # three samples at each moment
    driver.kept = [Reading(float(number), at) for number, at in enumerate(times)]
    seen: list[tuple[int, float]] = []
    cur = None
    for _ in range(10):
        answer = await yard.history.answer(hour(clock, mode="raw", cur=cur))
        page = answer.s[LEVEL]
        assert len(page.d) <= 500
        seen += [(page.t0 + row[0], row[1]) for row in page.d]
        cur = answer.cur
        if cur is None:
            break
    assert seen == [(at, float(number)) for number, at in enumerate(times)]


async def test_an_answer_of_many_tags_fits_into_messages(
    open_yard: Open, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, driver = open_yard("history_raw", many=True)
    now = clock.wall_ms()
    driver.kept = [Reading(12.345 + n % 7 / 1000, now - 3_600_000 + n * 6000) for n in range(600)]
    tags = [tag for tag in yard.ceiling._tags if tag.endswith(".level")]
    assert len(tags) == 8
    seen: list[str] = []
    cur = None
    while True:
        answer = await yard.history.answer(hour(clock, tags=tags, n=600, cur=cur))
        assert len(encode_result(1, answer)) < 65_536
        seen += answer.b
        cur = answer.cur
        if cur is None:
            break
    assert seen == tags


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"start": 5, "end": 5}, "range"),
        ({"start": 9, "end": 5}, "range"),
        ({"start": 0, "end": MAX_SPAN_MS + 1}, "range"),
        ({"end": 2**53}, "range"),
        ({"tags": ["TK-999.level"]}, "not_found"),
        ({"tags": [LEVEL, "TK-101.temp_avg"], "mode": "raw"}, "bad_request"),
        ({"cur": "r5"}, "bad_request"),
        ({"cur": "t1"}, "bad_request"),
        ({"cur": "t-1"}, "bad_request"),
        ({"cur": "t" + "9" * 100}, "bad_request"),
        ({"cur": "r0", "mode": "raw"}, "bad_request"),
        ({"cur": "t\u0660"}, "bad_request"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_refused(
    open_yard: Open, clock: ManualClock, change: dict[str, object], code: str
) -> None:
    yard, _ = open_yard("history_raw")
    with pytest.raises(RequestRefused) as refused:
        await yard.history.answer(hour(clock, **change))
    assert refused.value.code == code


async def test_without_any_history_the_tag_is_named(open_yard: Open, clock: ManualClock) -> None:
    yard, _ = open_yard(ring="off")
    assert list((await yard.history.answer(hour(clock))).bad) == [LEVEL]


async def test_over_a_sealed_session_it_needs_the_scope(serve) -> None:
    query = Hist([LEVEL], 0, 1)
    async with serve() as running:
        web, handle = await running.signed_in(scope="data:live")
        for presented, code in ((None, "auth"), (handle, "role")):
            with pytest.raises(RequestRefused) as refused:
                await web.call("hist", HistAnswer, query, presented)
            assert refused.value.code == code
        handle = (await web.auth(running.folder.token(scope="data:history"))).a
        now = running.agent.site.clock.wall_ms()
        values: set[float | None] = set()
        while values <= {None}:  # until the recorder has its first value
            answer = await web.call("hist", HistAnswer, Hist([LEVEL], now - 600_000, now + 60_000), handle)
            values = set(answer.b[LEVEL].hi)
        assert answer.b[LEVEL].src == "ring" and values == {None, 12.346}


async def test_a_session_reads_two_histories_at_a_time(serve) -> None:
    async with serve() as running:
        web, handle = await running.signed_in(scope="data:history")
        numbers = [await web.send_request("hist", Hist([LEVEL], 0, 1000), handle) for _ in range(20)]
        answers: dict[int, Answer] = {}
        while len(answers) < len(numbers):
            message = await web.receive()
            if isinstance(message, Answer):
                answers[message.i] = message
        refused = [answer.e.c for answer in answers.values() if answer.e is not None]
        assert set(refused) == {"busy"} and 2 <= len(numbers) - len(refused) < len(numbers)
