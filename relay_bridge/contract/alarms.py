"""Alarms in the words of ISA-18.2 and OPC 10000-9: the list and its changes, the journal, acknowledging, shelving."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from relay_bridge.contract.shape import Cursor, Key, Ms, Seq, Strict

MAX_ALARMS = 500  # rows of a snapshot: the most severe, then the newest; ``AlarmCounts`` tells of all
MAX_ACKS = 50  # alarms in one acknowledgement
MAX_JOURNAL_PAGE = 200
MAX_COMMENT = 200  # characters
MAX_SHELVE_MS = 24 * 3600 * 1000

AlarmId = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_-]+\Z")]
# Which occurrence somebody saw: new with every change of state (OPC UA EventId as base64url, or the agent's own).
OccurrenceId = Annotated[str, Meta(min_length=1, max_length=400, pattern=r"^[A-Za-z0-9_-]+\Z")]
Comment = Annotated[str, Meta(max_length=MAX_COMMENT)]
Band = Literal["crit", "high", "med", "low"]
AlarmQuality = Literal["good", "uncertain", "bad"]


def band_of(severity: int) -> Band:
    """The four bands of a phone's list: 801 to 1000 critical, 601 to 800 high, 401 to 600 medium, below that low."""
    return "crit" if severity > 800 else "high" if severity > 600 else "med" if severity > 400 else "low"


class AlarmRow(Strict, frozen=True):
    """One alarm as it stands. ``id``: short hash of (source, ConditionId, BranchId); ``eid``: this occurrence.

    ``tag`` is the agent's id where the alarm belongs to one of its tags, else empty; ``asset`` and ``area`` likewise.
    ``sev`` 1 to 1000. ``conf`` is None where the source knows no confirming. ``shelf`` is the end of shelving in epoch
    ms, 0 when not shelved, -1 when without an end. ``by``/``comment``: of the last acknowledgement. ``agent``: made by
    this agent from configured limits, not by the process server. Times in epoch ms, 0 when not known. ``quality`` is
    that of the value which the alarm is worked out from: unless it is good, nobody knows whether ``act`` is still so,
    and the alarm is shown as doubtful. An alarm that was active stays so while its value is not good.
    """

    id: AlarmId
    eid: OccurrenceId
    source: str
    name: str  # what the condition is called: "TK-101 level high"
    cond: str  # its kind: "HighHigh", "Off-normal", ...
    sev: Annotated[int, Meta(ge=1, le=1000)]
    act: bool
    ack: bool
    tag: str = ""
    asset: str = ""
    area: str = ""
    conf: bool | None = None
    shelf: int = 0
    suppressed: bool = False
    msg: str = ""
    t_act: int = 0
    t_clr: int = 0
    t_ack: int = 0
    by: str = ""
    comment: str = ""
    agent: bool = False
    branch: bool = False  # an earlier occurrence that still waits to be acknowledged
    quality: AlarmQuality = "good"


class AlarmCounts(Strict, frozen=True):
    """How many there truly are of what was asked for, however many rows were sent.

    The bands and ``unack`` (of all bands together) leave out what is shelved or suppressed: that is ``shelved``, so
    that crit + high + med + low + shelved is the whole list. ``dropped``: alarms that the site's table had no room for.
    """

    crit: int = 0
    high: int = 0
    med: int = 0
    low: int = 0
    unack: int = 0
    shelved: int = 0
    dropped: int = 0


class Alarms(Strict, frozen=True):
    """Turn the alarm list of this session's stream on or off; a snapshot follows at once."""

    on: bool = True
    area: Annotated[str, Meta(max_length=100)] | None = None
    minsev: Annotated[int, Meta(ge=1, le=1000)] = 1


class AlarmSnapshot(Strict, frozen=True, tag="as", tag_field="k"):
    """The list. ``more``: further parts of the same snapshot follow; at the ``first`` one forgets what one had."""

    n: Seq
    t: int
    rows: list[AlarmRow]
    counts: AlarmCounts
    first: bool = True
    more: bool = False


class AlarmDelta(Strict, frozen=True, tag="a", tag_field="k"):
    """Rows that are new or changed, and ids that left the list."""

    n: Seq
    t: int
    counts: AlarmCounts
    rows: list[AlarmRow] = []
    gone: list[AlarmId] = []


class Journal(Strict, frozen=True, rename={"start": "from", "end": "to"}):
    """Past alarm events, newest first, from ``start`` (inclusive) to ``end`` (exclusive), epoch ms."""

    start: Ms
    end: Ms
    area: Annotated[str, Meta(max_length=100)] | None = None
    asset: Annotated[str, Meta(max_length=100)] | None = None
    max: Annotated[int, Meta(ge=1, le=MAX_JOURNAL_PAGE)] = 100
    cur: Cursor | None = None


JournalKind = Literal["active", "cleared", "acknowledged", "confirmed", "shelved", "unshelved", "changed", "gone"]


class JournalRow(Strict, frozen=True):
    """One event: what became of which alarm, when (epoch ms), and by whom where a person did it."""

    t: int
    kind: JournalKind
    id: str
    name: str
    cond: str
    sev: int
    tag: str = ""
    asset: str = ""
    area: str = ""
    msg: str = ""
    by: str = ""
    comment: str = ""
    agent: bool = False


class JournalAnswer(Strict, frozen=True):
    """``since``: epoch ms from which the journal is complete; before it nothing is known."""

    t: int
    rows: list[JournalRow]
    since: int = 0
    cur: Cursor | None = None


class AlarmPick(Strict, frozen=True, array_like=True):
    """An alarm and the occurrence that the person saw."""

    id: AlarmId
    eid: OccurrenceId


class Ack(Strict, frozen=True):
    """Acknowledge (or ``confirm``) what was seen; a newer state is refused as ``stale``. ``key``: see ``shape.Key``."""

    items: Annotated[list[AlarmPick], Meta(min_length=1, max_length=MAX_ACKS)]
    key: Key
    c: Comment = ""
    what: Literal["acknowledge", "confirm"] = "acknowledge"


class Shelve(Strict, frozen=True):
    """Shelve one occurrence for ``ms``, or bring it back with 0. ``c`` is the reason and must be given to shelve."""

    item: AlarmPick
    key: Key
    ms: Annotated[int, Meta(ge=0, le=MAX_SHELVE_MS)]
    c: Comment = ""


AckWord = Literal["ok", "already", "stale", "gone", "denied", "failed", "unknown"]


class AckResult(Strict, frozen=True):
    """``already``: ``by`` and ``at`` tell who and when. ``stale``: ``row`` is the newer state. ``unknown``: the source
    took the call and did not answer; look at the list."""

    id: AlarmId
    res: AckWord
    msg: str = ""
    by: str = ""
    at: int = 0
    row: AlarmRow | None = None


class AckAnswer(Strict, frozen=True):
    t: int
    res: list[AckResult]
