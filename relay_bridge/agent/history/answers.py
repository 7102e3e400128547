"""``hist``: the source's own aggregates, else its samples, else the agent's ring; the answer says which."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import Bucket, HistoryDriver
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.history.buckets import Columns, Plan, fill_buckets, hold_in, plan_buckets
from relay_bridge.agent.history.recorder import Recorder
from relay_bridge.agent.history.ring_store import RingFailed
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.codec import normalise
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import (
    BUCKET_EMPTY,
    MAX_SAMPLES,
    MAX_SPAN_MS,
    RAW_PAGE,
    Buckets,
    Hist,
    HistAnswer,
    HistorySource,
    Samples,
)
from relay_bridge.contract.messages import MAX_MESSAGE
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, BAD_NOT_SUPPORTED, Reading

DEADLINE = 15.0  # seconds for one answer
SOURCE_DEADLINE = 12.0  # seconds of it that one source may take
HELD_DEADLINE = 3.0  # seconds: the aggregates are there already and must not wait for long
PER_SOURCE = 2  # running at a time: a process server has its own work to do
ROOM = MAX_MESSAGE - 2048  # bytes of rows in an answer
AHEAD = 24 * 3_600_000  # ms that a span may reach into the future: a screen's right edge
logger = logging.getLogger(__name__)


class _None(Exception):  # noqa: N818 - no history there; the next place is asked
    """``status``: the OPC UA StatusCode that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(hex(status))
        self.status = status


class History:
    """Answers ``hist`` for one site."""

    def __init__(
        self,
        drivers: Mapping[str, Driver],
        subscriptions: Subscriptions,
        ceiling: Ceiling,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._drivers = drivers
        self._subscriptions = subscriptions
        self._ceiling = ceiling
        self._recorder = recorder
        self._clock = clock
        self._gates = {source: asyncio.Semaphore(PER_SOURCE) for source in drivers}

    def has_history(self, tag: TagConfig) -> bool:
        """Whether there is anywhere to ask for this tag."""
        return self._recorder.records(tag.id) or bool(self._abilities(tag))

    async def answer(self, query: Hist) -> HistAnswer:
        """History of the tags asked for. ``RequestRefused`` for what cannot be asked; a tag without history is named
        in ``bad`` and does not spoil the others."""
        tags = self._ceiling.require(query.tags)
        now = self._clock.wall_ms()
        if not query.start < query.end <= now + AHEAD or query.end - query.start > MAX_SPAN_MS:
            raise RequestRefused("range", "Ask for a time from an earlier to a later moment, at most 31 days long.")
        try:
            async with asyncio.timeout(DEADLINE):
                if query.mode == "raw":
                    return await self._raw(query, tags, now)
                return await self._buckets(query, tags, now)
        except TimeoutError:
            raise RequestRefused("busy", f"The history did not come within {DEADLINE:.0f} s.") from None

    # --- buckets ---------------------------------------------------------------------------------------------------

    async def _buckets(self, query: Hist, tags: Sequence[TagConfig], now: int) -> HistAnswer:
        """As many tags as fit into one message; ``cur`` is the number of the next."""
        first = _cursor(query.cur, "t", len(tags))
        plan = plan_buckets(query.start, query.end, query.n)
        found = await asyncio.gather(
            *(self._tag_buckets(tag, plan, now) for tag in tags[first:]), return_exceptions=True
        )
        rows: dict[str, Buckets] = {}
        bad: dict[str, int] = {}
        room = ROOM
        for number, (tag, outcome) in enumerate(zip(tags[first:], found, strict=True), first):
            if isinstance(outcome, _None):
                bad[tag.id] = outcome.status
                continue
            if isinstance(outcome, BaseException):
                raise outcome
            room -= len(msgspec.json.encode(outcome)) + len(tag.id) + 4
            if room < 0 and rows:
                return HistAnswer(t=now, b=rows, bad=bad, cur=f"t{number}")
            rows[tag.id] = outcome
        return HistAnswer(t=now, b=rows, bad=bad)

    async def _tag_buckets(self, tag: TagConfig, plan: Plan, now: int) -> Buckets:
        if tag.kind == "text":
            raise _None(BAD_NOT_SUPPORTED)
        status = BAD_NOT_SUPPORTED
        if not self._subscriptions.is_down(tag.source):
            for ability in self._abilities(tag):
                try:
                    columns, cut = await self._of_source(tag, ability, plan, now)
                except _None as none:
                    status = none.status
                    continue
                return self._travelling(
                    tag, plan, columns, "aggregate" if ability == "history_aggregate" else "raw", cut
                )
        elif self._abilities(tag):
            status = BAD_NO_COMMUNICATION
        if not self._recorder.records(tag.id):
            raise _None(status)
        try:
            columns = await self._recorder.buckets(tag.id, plan, now)
        except RingFailed as failed:
            logger.warning("history of %s: %s", tag.id, failed)
            raise _None(BAD_NO_COMMUNICATION) from None
        return self._travelling(tag, plan, columns, "ring", False)

    async def _of_source(self, tag: TagConfig, ability: str, plan: Plan, now: int) -> tuple[Columns, bool]:
        driver = cast(HistoryDriver, self._drivers[tag.source])
        try:
            async with asyncio.timeout(SOURCE_DEADLINE + 0.5), self._gates[tag.source]:
                if ability == "history_aggregate":
                    made = await driver.history_aggregate(tag.id, plan.start, plan.width, plan.n, SOURCE_DEADLINE)
                    columns = _columns(made, plan)
                    if columns.q.startswith(BUCKET_EMPTY):
                        columns = hold_in(columns, plan, await _held_before(driver, tag, plan.start), now)
                    return columns, False
                raw = await driver.history_raw(tag.id, plan.start, min(plan.end, now + 1), MAX_SAMPLES, SOURCE_DEADLINE)
        except RequestRefused as refusal:
            logger.info("history of %s: %s", tag.id, refusal)
            raise _None(_status(refusal)) from None
        except TimeoutError:
            raise _None(BAD_NO_COMMUNICATION) from None
        until = raw.readings[-1].time + 1 if raw.more else now
        return fill_buckets(plan, raw.readings, raw.before, until), raw.more

    def _travelling(self, tag: TagConfig, plan: Plan, columns: Columns, src: HistorySource, cut: bool) -> Buckets:
        places = self._subscriptions.places(tag.id)

        def column(values: list[float | None], extra: int = 0) -> list[float | None]:
            rounded = None if places is None else places + extra
            return [cast("float | None", normalise(value, rounded)[0]) for value in values]

        return Buckets(
            t0=plan.start,
            dt=plan.width,
            lo=column(columns.lo),
            hi=column(columns.hi),
            av=column(columns.av, 1),
            q=columns.q,
            src=src,
            cut=cut,
        )

    # --- samples ---------------------------------------------------------------------------------------------------

    async def _raw(self, query: Hist, tags: Sequence[TagConfig], now: int) -> HistAnswer:
        if len(tags) != 1:
            raise RequestRefused("bad_request", "Samples are paged one tag at a time: name one.")
        tag = tags[0]
        start = _cursor(query.cur, "r", query.end, query.start)
        try:
            readings, more, src = await self._samples(tag, start, query.end)
        except _None as none:
            return HistAnswer(t=now, bad={tag.id: none.status})
        readings, again = _whole_moments(readings, more)
        readings = [self._subscriptions.travelling(tag.id, reading) for reading in readings]
        rows = [_sample(reading, start) for reading in readings]
        cur = None if again is None else f"r{again}"
        return HistAnswer(t=now, s={tag.id: Samples(t0=start, d=rows, src=src)}, cur=cur)

    async def _samples(self, tag: TagConfig, start: int, end: int) -> tuple[Sequence[Reading], bool, HistorySource]:
        status = BAD_NOT_SUPPORTED
        if self._subscriptions.is_down(tag.source):
            status = BAD_NO_COMMUNICATION
        elif "history_raw" in self._abilities(tag):
            driver = cast(HistoryDriver, self._drivers[tag.source])
            try:
                async with asyncio.timeout(SOURCE_DEADLINE + 0.5), self._gates[tag.source]:
                    raw = await driver.history_raw(tag.id, start, end, RAW_PAGE, SOURCE_DEADLINE)
            except RequestRefused as refusal:
                status = _status(refusal)
            except TimeoutError:
                status = BAD_NO_COMMUNICATION
            else:
                return raw.readings, raw.more, "raw"
        if not self._recorder.records(tag.id):
            raise _None(status)
        try:
            stretch = await self._recorder.read(tag.id, start, end, RAW_PAGE)
        except RingFailed:
            raise _None(BAD_NO_COMMUNICATION) from None
        return stretch.readings, stretch.more, "ring"

    def _abilities(self, tag: TagConfig) -> list[str]:
        has = self._drivers[tag.source].capabilities
        return [ability for ability in ("history_aggregate", "history_raw") if ability in has]


async def _held_before(driver: HistoryDriver, tag: TagConfig, start: int) -> Reading | None:
    """What the source's samples say held at ``start``; None where it cannot be had."""
    if not getattr(driver, "tells_before", False):
        return None
    try:
        async with asyncio.timeout(HELD_DEADLINE + 0.5):
            raw = await driver.history_raw(tag.id, start, start + 1, 1, HELD_DEADLINE)
    except (RequestRefused, TimeoutError) as error:
        logger.info("what %s was before: %s", tag.id, error)
        return None
    return raw.before


def _status(refusal: RequestRefused) -> int:
    """A source without history of the tag is not one that cannot be reached."""
    return refusal.status or (BAD_NOT_SUPPORTED if refusal.code == "unsupported" else BAD_NO_COMMUNICATION)


def _columns(made: Sequence[Bucket], plan: Plan) -> Columns:
    if len(made) != plan.n:
        raise _None(BAD_NO_COMMUNICATION)
    return Columns(
        [bucket.lo for bucket in made],
        [bucket.hi for bucket in made],
        [bucket.av for bucket in made],
        "".join(bucket.quality for bucket in made),
    )


def _whole_moments(readings: Sequence[Reading], more: bool) -> tuple[list[Reading], int | None]:
    """A page that ends between two moments, and where the next begins: a moment cut in two would lose its other half.

    A page that is all one moment is kept as it is, and the rest of that moment is passed over: going on is worth more.
    """
    if not more or not readings:
        return list(readings), None
    last = readings[-1].time
    kept = [reading for reading in readings if reading.time < last]
    return (kept, last) if kept else (list(readings), last + 1)


def _sample(reading: Reading, start: int) -> list[object]:
    row: list[object] = [reading.time - start, reading.value, reading.quality]
    if reading.quality == 0:
        row.pop()
    return row


def _cursor(text: str | None, letter: str, most: int, otherwise: int = 0) -> int:
    """Where an earlier answer ended; ``RequestRefused`` for a cursor that none of ours can be."""
    if text is None:
        return otherwise
    digits = text[1:]
    if text[:1] != letter or not (digits.isascii() and digits.isdigit()) or len(digits) > 16:
        raise RequestRefused("bad_request", "This cursor is of no answer to such a question.")
    place = int(digits)
    if not otherwise <= place < max(most, 1):
        raise RequestRefused("bad_request", "This cursor lies outside of what is asked.")
    return place
