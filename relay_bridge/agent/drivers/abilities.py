"""What a driver may be able to do beside live values: history, alarms, acting, browsing. Each is a protocol of its own.

A driver that has one names it in ``capabilities`` (history_raw, history_aggregate, alarms, ack, confirm, shelve, write,
methods, browse). Nobody calls what is not named there. Every call has a deadline in seconds and raises
``RequestRefused``: ``source_down`` without a live source, ``source_refused`` with the source's StatusCode.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from relay_bridge.contract.alarms import AlarmQuality
from relay_bridge.contract.readings import Reading, Value

CAPABILITIES: Final = frozenset(
    {
        "read", "subscribe", "history_raw", "history_aggregate", "alarms", "ack", "confirm", "shelve", "write",
        "methods", "browse",
    }
)  # fmt: skip


class OutcomeUnknown(Exception):  # noqa: N818 - the truth about a call, not a fault of ours
    """The call was sent and no answer came in time: it may or may not have had its effect. Never tried again."""


# --- history -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RawHistory:
    """Samples oldest first. ``more``: there are later ones inside the asked span, after the last one here.

    ``before``: the sample that held when the span began, where the source tells it (OPC 10000-11, bounding values).
    """

    readings: Sequence[Reading]
    more: bool = False
    before: Reading | None = None


@dataclass(frozen=True)
class Bucket:
    """One bucket of aggregates: ``None`` where no sample is usable; ``quality``: one digit as in contract/history."""

    lo: float | None
    hi: float | None
    av: float | None
    quality: str


class HistoryDriver(Protocol):
    """``tells_before`` is true where ``history_raw`` looks for ``before``; missing: it does not."""

    async def history_raw(self, tag: str, start: int, end: int, limit: int, deadline: float) -> RawHistory:
        """At most ``limit`` samples with start <= time < end (epoch ms), oldest first."""

    async def history_aggregate(self, tag: str, start: int, width: int, count: int, deadline: float) -> list[Bucket]:
        """Exactly ``count`` buckets of ``width`` ms from ``start`` (epoch ms): minimum, maximum and average."""


# --- alarms --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AlarmRef:
    """An alarm at its source: the own names of condition and branch, as text; ``branch`` is empty for the main one."""

    source: str
    condition: str
    branch: str = ""


@dataclass(frozen=True)
class AlarmEvent:
    """The state of one alarm after a change. ``event``: the source's own id of this occurrence (OPC UA EventId).

    ``retain`` False: it leaves the list. ``node``: the node that the alarm is about, as the source names it, empty when
    not told. Times in epoch ms, 0 when not told. ``confirmed`` None where the source knows no confirming. ``since``:
    when it became active, or inactive when it is; ``acknowledged_at``: when it was acknowledged. ``tag``: the agent's
    own id, where the alarm is made here and needs no looking for. ``quality``: of the value that the alarm is worked
    out from (OPC 10000-9, 5.5.2, Quality).
    """

    ref: AlarmRef
    event: bytes
    time: int
    severity: int
    active: bool
    acknowledged: bool
    retain: bool
    name: str
    condition_type: str = ""
    node: str = ""
    message: str = ""
    confirmed: bool | None = None
    shelved_until: int = 0  # epoch ms; 0 not shelved, -1 without an end
    suppressed: bool = False
    comment: str = ""
    user: str = ""
    limit_state: str = ""
    since: int = 0
    acknowledged_at: int = 0
    tag: str = ""
    quality: AlarmQuality = "good"


class AlarmSink(Protocol):
    """Where a driver puts alarms. All calls are synchronous, cheap, and never lose an event."""

    def alarm(self, event: AlarmEvent) -> None:
        """One change of state."""

    def refresh_began(self, source: str) -> None:
        """From here to ``refresh_ended`` the source tells every alarm that it retains."""

    def refresh_ended(self, source: str) -> None:
        """What the source did not repeat since ``refresh_began`` is gone."""


AckFailure = Literal["stale", "already", "gone", "denied"]


class AckRefused(Exception):  # noqa: N818 - an answer
    """The source did not take an acknowledgement; ``word`` says which of the usual reasons it was."""

    def __init__(self, word: AckFailure, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.word, self.message, self.status = word, message, status


class AlarmDriver(Protocol):
    def watch_alarms(self, sink: AlarmSink | None) -> None:
        """From now on put alarms there (``None``: nowhere), over all reconnects; begins with a refresh."""

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        """Acknowledge exactly this occurrence. ``AckRefused``; ``OutcomeUnknown`` when no answer came."""

    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        """As ``acknowledge``, for the second step where the source has it."""

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        """Shelve for that long, or unshelve with 0. ``AckRefused``; ``OutcomeUnknown``."""


# --- acting --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WriteFacts:
    """What the source says of a writable tag, for the check before the first start; ``None`` where it says nothing."""

    data_type: str | None
    low: float | None
    high: float | None
    may_write: bool | None  # the right of the user that the agent signs in as


class ActingDriver(Protocol):
    async def write(self, tag: str, value: Value, deadline: float) -> None:
        """Write once, with the node's exact type. ``RequestRefused`` when nothing was changed for certain,
        ``OutcomeUnknown`` when it cannot be told."""

    async def call(self, node: str, method: str, arguments: Sequence[Any], deadline: float) -> None:
        """Call a method once; errors as in ``write``."""

    async def write_facts(self, tag: str, deadline: float) -> WriteFacts:
        """What the source says of writing this tag."""


# --- browsing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundNode:
    """A variable or a method found at a source. ``path``: browse names from the root, joined with ``/``; untrusted."""

    node: str
    path: str
    kind: Literal["number", "text", "bool", "method", "other"]
    unit: str = ""
    low: float | None = None
    high: float | None = None
    description: str = ""
    writable: bool = False
    has_history: bool = False
    parent: str = ""  # of a method: the object that it is called on


class BrowsingDriver(Protocol):
    def browse(self, root: str | None, *, most: int, deadline: float) -> AsyncIterator[FoundNode]:
        """Variables and methods below ``root`` (the Objects folder when None), each once, at most ``most``."""
