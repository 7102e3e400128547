"""Past values: buckets of up to eight tags, or the samples of one, page by page as the site gives them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest
from msgspec import Meta

from hmi.api import shapes
from hmi.api.access import FRESH_COST, Caller, rate_limits
from hmi.api.guard import endpoint
from hmi.api.parameters import MAX_CURSOR, Query
from hmi.api.problems import Problem, bad_parameter, no_such_page, not_found, unreachable
from hmi.api.sites import catalog_of, refused
from hmi.live.clock import now_ms
from hmi.sites.catalog import Catalog
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.history import MAX_BUCKETS, MAX_HISTORY_TAGS, MAX_SPAN_MS, Hist, HistAnswer
from relay_bridge.contract.readings import quality_class, quality_words
from relay_bridge.contract.shape import Cursor

MODES = ("buckets", "samples")
DEFAULT_BUCKETS = 300
AHEAD = 24 * 3_600_000  # ms beyond now that a site answers for
DEFAULT_STRETCH = 3_600_000  # ms before the end, when no beginning is given
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_BUCKETS = re.compile(r"[0-9]{1,4}\Z", re.ASCII)
_BUCKET_WORDS: dict[str, Literal["good", "uncertain", "bad", "empty"]] = {
    "0": "good", "1": "uncertain", "2": "bad", "3": "empty",
}  # fmt: skip
_SOURCES: dict[str, Literal["aggregate", "samples", "agent"]] = {
    "aggregate": "aggregate", "raw": "samples", "ring": "agent",
}  # fmt: skip


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """What a cursor holds: the question, so that it means nothing for another, and where its last answer ended."""

    digest: Annotated[str, Meta(max_length=16)]
    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=0)]
    cur: Cursor


class _Asked(msgspec.Struct, frozen=True):
    tags: list[str]
    mode: str
    start: int
    end: int
    buckets: int
    digest: str
    cur: str | None


@endpoint("data:history")
async def history(request: HttpRequest, caller: Caller) -> shapes.History:
    """One page, asked of the site under the person's own access. Counts as five requests."""
    rate_limits().take(caller, FRESH_COST - 1)
    known = frozenset({"tag", "from", "to", "mode", "buckets", "cursor"})
    asked = _read(Query(request, known, many=frozenset({"tag"})))
    catalog = await _catalog(caller)
    if catalog is not None and any(catalog.tag(tag) is None for tag in asked.tags):
        raise not_found()
    hist = Hist(
        tags=asked.tags,
        start=asked.start,
        end=asked.end,
        n=asked.buckets,
        mode="mma" if asked.mode == "buckets" else "raw",
        cur=asked.cur,
    )
    try:
        answer = await get_gateway().history(caller.access, hist)
    except SiteUnreachable as error:
        raise unreachable(f"{error.site} cannot be reached: {error.reason}.") from error
    except SiteRefused as error:
        raise _refusal(error, paged=asked.cur is not None) from error
    return _show(answer, asked, catalog)


async def _catalog(caller: Caller) -> Catalog | None:
    """Names and units need live values; a token for history alone gets numbers without them."""
    return await catalog_of(caller) if "data:live" in caller.scopes else None


def _read(query: Query) -> _Asked:
    tags = query.identifiers("tag", MAX_HISTORY_TAGS)
    mode = query.choice("mode", MODES) or "buckets"
    if not tags:
        raise bad_parameter("Name at least one tag.")
    start, end, buckets = _moment(query, "from"), _moment(query, "to"), _number_of_buckets(query)
    if mode == "samples" and len(tags) != 1:
        raise _range("Samples are paged one tag at a time: name one.")
    words = f"{mode} {buckets} {start} {end} {' '.join(tags)}"
    digest = hashlib.sha256(words.encode()).hexdigest()[:16]
    place = _place(query.text("cursor"), digest)
    if place is not None:
        return _Asked(tags, mode, place.start, place.end, buckets, digest, place.cur)
    now = now_ms()
    end = now if end is None else end
    start = end - DEFAULT_STRETCH if start is None else start
    if not 0 <= start < end <= now + AHEAD or end - start > MAX_SPAN_MS:
        raise _range("from lies before to, to at most a day ahead, and 31 days at most lie between them.")
    return _Asked(tags, mode, start, end, buckets, digest, None)


def _moment(query: Query, name: str) -> int | None:
    text = query.text(name)
    if text is None:
        return None
    words = f"{name} is a time like 2026-11-23T14:00:00Z (RFC 3339)."
    if not _RFC3339.match(text):
        raise bad_parameter(words)
    try:
        moment = dt.datetime.fromisoformat(text.upper())
        return int((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        raise bad_parameter(words) from None


def _number_of_buckets(query: Query) -> int:
    text = query.text("buckets")
    if text is None:
        return DEFAULT_BUCKETS
    number = int(text) if _BUCKETS.match(text) else 0
    if not 1 <= number <= MAX_BUCKETS:
        raise bad_parameter(f"buckets is a whole number from 1 to {MAX_BUCKETS}.")
    return number


def _range(detail: str) -> Problem:
    return Problem("range", 422, "This cannot be asked together", detail)


def _refusal(error: SiteRefused, *, paged: bool) -> Problem:
    if error.code == "not_found":
        return not_found()
    if error.code == "range":
        return _range(error.message)
    if error.code == "bad_request" and paged:
        return no_such_page()
    return refused(error)


def _show(answer: HistAnswer, asked: _Asked, catalog: Catalog | None) -> shapes.History:
    return shapes.History(
        buckets=[row for tag in asked.tags for row in _buckets(answer, tag)],
        samples=[row for tag in asked.tags for row in _samples(answer, tag)],
        missing=[shapes.Missing(tag, code & 0xFFFFFFFF, quality_words(code)) for tag, code in answer.bad.items()],
        units={tag: row.unit for tag in asked.tags if catalog and (row := catalog.tag(tag)) is not None},
        next_cursor=None if answer.cur is None else _cursor(asked, answer.cur),
        answered_at=shapes.moment(answer.t),
    )


def _buckets(answer: HistAnswer, tag: str) -> Iterator[shapes.Bucket]:
    found = answer.b.get(tag)
    if found is None:
        return
    columns: Any = zip(found.lo, found.hi, found.av, found.q, strict=False)
    for place, (low, high, average, digit) in enumerate(columns):
        start = found.t0 + place * found.dt
        yield shapes.Bucket(
            tag=tag,
            start=shapes.moment(start),
            end=shapes.moment(start + found.dt),
            minimum=low,
            maximum=high,
            average=average,
            quality=_BUCKET_WORDS.get(digit, "bad"),
            source=_SOURCES[found.src],
        )


def _samples(answer: HistAnswer, tag: str) -> Iterator[shapes.Sample]:
    found = answer.s.get(tag)
    if found is None:
        return
    for row in found.d:
        offset, value, code = (*row, 0)[:3]
        code = int(code) & 0xFFFFFFFF
        quality = shapes.Quality(quality_class(code), code, quality_words(code))
        yield shapes.Sample(tag, shapes.moment(found.t0 + int(offset)), value, quality, _SOURCES[found.src])


def _cursor(asked: _Asked, cur: str) -> str:
    place = _Place(asked.digest, asked.start, asked.end, cur)
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _place(text: str | None, digest: str) -> _Place | None:
    """Of the very same question, or 404: a made-up one would begin anywhere."""
    if text is None:
        return None
    if not text or len(text) > MAX_CURSOR or not text.isascii():
        raise no_such_page()
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        place = msgspec.json.decode(data, type=_Place)
    except (ValueError, msgspec.MsgspecError):
        raise no_such_page() from None
    if place.digest != digest or not place.start < place.end or place.end - place.start > MAX_SPAN_MS:
        raise no_such_page()
    return place
