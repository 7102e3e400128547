"""``History``: what a tag was, from the requests that the configuration declares for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from relay_bridge.agent.config_rest import RestHistory
from relay_bridge.agent.drivers.abilities import Bucket, RawHistory
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.fields import Fields, check_quality
from relay_bridge.agent.drivers.rest.grouping import PlaceValues
from relay_bridge.agent.drivers.rest.pointers import find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import NotThere, SettingsError, Trouble
from relay_bridge.agent.drivers.rest.templates import check_template, fill_path
from relay_bridge.agent.drivers.rest.times import format_time
from relay_bridge.agent.drivers.rest.units import OTHER_SHAPE, RestTag
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import BUCKET_BAD, BUCKET_EMPTY, BUCKET_GOOD, BUCKET_UNCERTAIN
from relay_bridge.contract.readings import Reading

_SPAN: Final = ("from", "to")
_DIGIT: Final = {"good": BUCKET_GOOD, "uncertain": BUCKET_UNCERTAIN, "bad": BUCKET_BAD}


class History:
    """Raw samples in slices of ``span_s``, aggregates where the source makes them."""

    def __init__(
        self, settings: RestHistory, tags: Iterable[RestTag], talk: Conversation, place_values: PlaceValues
    ) -> None:
        names = list(place_values("x"))
        check_template(settings.path, "history.path", may=[*names, *_SPAN, "limit"], must=_SPAN)
        if not any(f"{{{name}}}" in settings.path for name in names):
            raise SettingsError("history.path: lacks {id}, which says whose history it is")
        if settings.aggregate is not None:
            check_template(
                settings.aggregate.path,
                "history.aggregate.path",
                may=[*names, *_SPAN, "aggregate", "seconds", "ms"],
                must=[*_SPAN, "aggregate"],
            )
            if not any(width in settings.aggregate.path for width in ("{seconds}", "{ms}")):
                raise SettingsError("history.aggregate.path: lacks {seconds} or {ms}, the width of a bucket")
        check_quality(settings.quality, settings.quality_as, settings.quality_map, "history")
        self._settings = settings
        self._rows_at = parse_pointer(settings.rows)
        self._fields = Fields(settings, {})
        self._tags = {tag.id: tag for tag in tags}
        self._talk = talk
        self._values = place_values

    @property
    def capabilities(self) -> set[str]:
        return {"history_raw"} | ({"history_aggregate"} if self._settings.aggregate is not None else set())

    async def raw(self, tag: str, start: int, end: int, limit: int, deadline: float) -> RawHistory:
        """At most ``limit`` samples with start <= time < end (epoch ms), oldest first.

        A long span is asked in slices; when ``deadline`` (s) ends between two, what there is so far is the answer.
        """
        found: list[Reading] = []
        at, step = start, int(self._settings.span_s * 1000)
        try:
            async with asyncio.timeout(deadline):
                while at < end and len(found) <= limit:
                    to = min(end, at + step)
                    found += await self._samples(self._tag(tag), at, to, limit)
                    at = to
        except TimeoutError:
            if not found:
                raise RequestRefused("source_down", f"The source's history did not come in {deadline:g} s.") from None
        return RawHistory(found[:limit], more=len(found) > limit or at < end)

    async def aggregate(self, tag: str, start: int, width: int, count: int, deadline: float) -> list[Bucket]:
        """Exactly ``count`` buckets of ``width`` ms from ``start`` (epoch ms)."""
        made = self._settings.aggregate
        if made is None:
            raise RequestRefused("unsupported", "This source makes no aggregates.")
        if "{seconds}" in made.path and width % 1000:
            raise RequestRefused("unsupported", "This source makes aggregates of whole seconds only.")
        values = self._span_values(self._tag(tag), start, start + width * count)
        values |= {"seconds": str(width // 1000), "ms": str(width)}
        paths = [
            fill_path(made.path, {**values, "aggregate": name}) for name in (made.minimum, made.maximum, made.average)
        ]
        try:
            async with asyncio.timeout(deadline):
                answers = await asyncio.gather(*(self._rows(path) for path in paths))
        except TimeoutError:
            raise RequestRefused("source_down", f"The source's aggregates did not come in {deadline:g} s.") from None
        columns = [self._column(rows, start, width, count) for rows in answers]
        return [_bucket(*cells) for cells in zip(*columns, strict=True)]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _tag(self, tag: str) -> RestTag:
        found = self._tags.get(tag)
        if found is None:
            raise RequestRefused("not_found", "The source has no history of this tag.")
        return found

    def _span_values(self, tag: RestTag, start: int, end: int) -> dict[str, str]:
        form = self._settings.time_format
        place = tag.node.partition("#")[2]
        return {**self._values(place), "from": format_time(start, form), "to": format_time(end, form)}

    async def _samples(self, tag: RestTag, start: int, end: int, limit: int) -> list[Reading]:
        path = fill_path(self._settings.path, {**self._span_values(tag, start, end), "limit": str(limit + 1)})
        samples = []
        rows = await self._rows(path)
        for row in rows:
            time = self._fields.time(row)
            if time is not None and start <= time < end:
                samples.append(self._fields.reading(row, tag.kind, time))
        if rows and not any(self._fields.time(row) for row in rows):
            raise RequestRefused("source_refused", f"The source cannot be read: {OTHER_SHAPE}.")
        samples.sort(key=lambda reading: reading.time)  # sources differ in which end comes first
        return samples

    async def _rows(self, path: str) -> Sequence[Any]:
        try:
            rows = find(await self._talk.document("GET", path, urgent=True), self._rows_at)
        except NotThere:
            raise RequestRefused("not_found", "The source has no history of this tag.") from None
        except Trouble as trouble:
            code = "source_refused" if trouble.reach == "answer" else "source_down"
            message = f"The source's history cannot be read: {trouble.reason}."
            raise RequestRefused(code, message) from trouble  # type: ignore[arg-type]
        if rows is None:
            return []  # nothing there in this span
        if not isinstance(rows, list):
            raise RequestRefused("source_refused", f"The source's history cannot be read: {OTHER_SHAPE}.")
        return rows

    def _column(self, rows: Sequence[Any], start: int, width: int, count: int) -> list[tuple[float | None, str]]:
        """One aggregate by bucket: its value, and one digit of quality. A row belongs where its time lies."""
        cells: list[tuple[float | None, str]] = [(None, BUCKET_EMPTY)] * count
        for row in rows:
            time = self._fields.time(row)
            place = (time - start) // width if time is not None else -1
            if time is None or not 0 <= place < count:
                continue
            reading = self._fields.reading(row, "number", time)
            value = reading.value
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and reading.quality_class != "bad":
                cells[place] = (float(value), _DIGIT[reading.quality_class])  # type: ignore[arg-type]
            elif cells[place][0] is None:
                cells[place] = (None, BUCKET_BAD)
        return cells


def _bucket(low: tuple[float | None, str], high: tuple[float | None, str], mean: tuple[float | None, str]) -> Bucket:
    """The worst of the three says how good the bucket is; a minimum above the maximum is no measurement."""
    qualities = {low[1], high[1], mean[1]}
    if qualities == {BUCKET_EMPTY}:
        return Bucket(None, None, None, BUCKET_EMPTY)
    if low[0] is not None and high[0] is not None and low[0] > high[0]:
        return Bucket(None, None, None, BUCKET_BAD)
    worst = next(digit for digit in (BUCKET_BAD, BUCKET_EMPTY, BUCKET_UNCERTAIN, BUCKET_GOOD) if digit in qualities)
    return Bucket(low[0], high[0], mean[0], BUCKET_UNCERTAIN if worst == BUCKET_EMPTY else worst)
