"""What the API answers: every shape with its meaning. The OpenAPI description is made from these."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from relay_bridge.contract.alarms import AlarmQuality
from relay_bridge.contract.readings import Value

LAST_MOMENT = 253_402_300_799_000  # ms: the end of the year 9999
LinkPhase = Literal["unknown", "connecting", "live", "silent", "down"]
Moment = Annotated[dt.datetime, Meta(tz=True)]


class Link(msgspec.Struct, frozen=True):
    """How the standing link to the site is. `unknown`: nobody has watched the site, so nothing is known."""

    state: LinkPhase
    since: Moment | None
    reason: str


class Site(msgspec.Struct, frozen=True):
    """A site as this token may see it. `resource` is its URI, with which tokens for it are asked for."""

    id: str
    slug: str
    name: str
    resource: str
    time_zone: str
    role: str
    scopes: list[str]
    access_until: Moment
    link: Link


class Limits(msgspec.Struct, frozen=True):
    """Alarm limits in the tag's unit: low-low, low, high, high-high."""

    low_low: float | None
    low: float | None
    high: float | None
    high_high: float | None


class Tag(msgspec.Struct, frozen=True):
    """One measured or computed thing. `quantity` is its word in the tank vocabulary, empty when it has none."""

    id: str
    name: str
    kind: Literal["number", "text", "bool"]
    unit: str
    decimals: int
    quantity: str
    range_low: float | None
    range_high: float | None
    limits: Limits | None
    states: dict[str, str]


class Asset(msgspec.Struct, frozen=True):
    """A tank, a pump or another unit, standing in an area."""

    id: str
    name: str
    area: str
    kind: Literal["tank", "pump", "unit"]
    tags: list[Tag]


class Quality(msgspec.Struct, frozen=True):
    """`code` is the 32-bit OPC UA StatusCode as the site gave it; `text` says in words what is not plain good."""

    status: Literal["good", "uncertain", "bad"]
    code: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
    text: str


class Reading(msgspec.Struct, frozen=True):
    """A value with its source time and quality. `stale`: do not take it for the present value."""

    tag: str
    asset: str
    value: Value
    unit: str
    time: Moment | None
    quality: Quality
    stale: bool


T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list; `next_cursor` asks for the next, and is null at the end."""

    items: list[T]
    next_cursor: str | None


class Readings(msgspec.Struct, frozen=True):
    """`origin` `site`: the site answered just now. `last_known`: it did not, `trouble` says why, all are stale."""

    items: list[Reading]
    next_cursor: str | None
    answered_at: Moment
    origin: Literal["site", "last_known"]
    trouble: str


HistoryOrigin = Literal["aggregate", "samples", "agent"]


class Bucket(msgspec.Struct, frozen=True):
    """What a tag was from `start` (inclusive) to `end` (exclusive); nulls where no usable value stood.

    `quality` is the worst in it; `empty`: no sample. `source`: the process server's own `aggregate`, made of its
    `samples`, or of what the site `agent` recorded.
    """

    tag: str
    start: Moment
    end: Moment
    minimum: float | None
    maximum: float | None
    average: float | None
    quality: Literal["good", "uncertain", "bad", "empty"]
    source: HistoryOrigin


class Sample(msgspec.Struct, frozen=True):
    """One stored value. It stood until the next sample of its tag, good or bad."""

    tag: str
    time: Moment
    value: Value
    quality: Quality
    source: HistoryOrigin


class Missing(msgspec.Struct, frozen=True):
    """A tag of which nothing came; `code` is the StatusCode that says why, `text` the same in words."""

    tag: str
    code: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
    text: str


class History(msgspec.Struct, frozen=True):
    """One page: `buckets` or `samples`, as `mode` asked. `units` by tag, as far as this token may know them."""

    buckets: list[Bucket]
    samples: list[Sample]
    missing: list[Missing]
    units: dict[str, str]
    next_cursor: str | None
    answered_at: Moment


Priority = Literal["critical", "high", "medium", "low"]


class Alarm(msgspec.Struct, frozen=True):
    """One alarm as it stands. `id` is the alarm, `occurrence` this state of it. `severity` is 1 to 1000.

    `quality` is that of the value which the alarm is worked out from: unless it is `good`, nobody knows whether
    `active` is still so, and the alarm must be shown as doubtful, never as cleared. `made_by_agent`: from limits
    configured at the site, not by its process server. `stale`: do not take it for the present state.
    """

    id: str
    occurrence: str
    name: str
    condition: str
    severity: int
    priority: Priority
    active: bool
    acknowledged: bool
    tag: str
    asset: str
    area: str
    message: str
    active_since: Moment | None
    cleared_at: Moment | None
    shelved: bool
    suppressed: bool
    made_by_agent: bool
    earlier_occurrence: bool
    stale: bool
    quality: AlarmQuality


class AlarmCounts(msgspec.Struct, frozen=True):
    """Of the whole site, whatever was asked for; those shelved or suppressed are in `shelved` alone."""

    critical: int
    high: int
    medium: int
    low: int
    unacknowledged: int
    shelved: int


class Alarms(msgspec.Struct, frozen=True):
    """`origin` `site`: the list is kept up at this moment. `last_known`: it is not, and all are stale."""

    items: list[Alarm]
    next_cursor: str | None
    counts: AlarmCounts
    answered_at: Moment
    origin: Literal["site", "last_known"]


def moment(milliseconds: int) -> dt.datetime:
    """Epoch ms as a time in UTC, to the millisecond; cut to what a calendar can say (RFC 3339)."""
    milliseconds = max(0, min(milliseconds, LAST_MOMENT))
    return dt.datetime.fromtimestamp(0, tz=dt.UTC) + dt.timedelta(milliseconds=milliseconds)
