"""One alarm as a person reads it: words for state, priority, time and who; all text of the plant is only ever text."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.wish import is_shelved
from relay_bridge.contract.alarms import AlarmRow, Band, band_of

LETTERS: Mapping[str, str] = {"crit": "1", "high": "2", "med": "3", "low": "4"}
MAX_NAME, MAX_TEXT = 120, 200  # characters
# A text of the plant must not turn the line around it (UAX 9) nor hide what follows.
_UNSEEN = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x00AD, 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x2030),
     *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC)],
    " ",
)  # fmt: skip


@dataclass(frozen=True)
class ShownAlarm:
    """``waits``: nobody acknowledged it. ``since`` and the other moments are texts in the site's time, empty when not
    known. ``marks`` are short sentences about what is special."""

    id: str
    eid: str
    band: Band
    letter: str
    priority: str
    name: str
    kind: str
    where: str
    message: str
    state: str
    since: str
    waits: bool
    active: bool
    source: str
    marks: tuple[str, ...] = ()
    acknowledged: str = ""
    shelved: bool = False
    href: str = ""

    @property
    def words(self) -> str:
        """For a screen reader: ``critical, not acknowledged``."""
        return f"{self.priority}, {'not acknowledged' if self.waits else 'acknowledged'}"


def show_alarm(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int, href: str = "") -> ShownAlarm:
    """``now`` in epoch ms by the agent's clock; moments of another day get their date."""
    band = band_of(row.sev)
    return ShownAlarm(
        id=row.id,
        eid=row.eid,
        band=band,
        letter=LETTERS[band],
        priority=BAND_WORDS[band],
        name=plain(row.name, MAX_NAME) or "Alarm",
        kind=plain(row.cond, 60),
        where=plain(row.asset or row.area, MAX_NAME),
        message=plain(row.msg, MAX_TEXT),
        state=state_words(row),
        since=moment_words((row.t_act if row.act else row.t_clr) or row.t_act, zone, now),
        waits=not row.ack,
        active=row.act,
        source=row.source,
        marks=_marks(row, zone, now),
        acknowledged=_acknowledged(row, zone, now),
        shelved=is_shelved(row),
        href=href,
    )


def state_words(row: AlarmRow) -> str:
    words = f"{'Active' if row.act else 'Cleared'}, {'acknowledged' if row.ack else 'not acknowledged'}"
    return f"{words}, not confirmed" if row.conf is False and row.ack else words


def plain(text: str, longest: int) -> str:
    """One line of at most ``longest`` characters without control characters and without invisible ones."""
    line = " ".join(text.translate(_UNSEEN).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def moment_words(ms: int, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """``14:02:03`` on the same day, else with the date; empty for 0."""
    if ms <= 0:
        return ""
    then, today = at(ms, zone), at(now, zone)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M:%S}"


def at(ms: int, zone: zoneinfo.ZoneInfo) -> datetime:
    return datetime.fromtimestamp(min(ms, 253_402_300_000_000) / 1000, UTC).astimezone(zone)


def _marks(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int) -> tuple[str, ...]:
    marks = []
    if row.branch:
        marks.append("Earlier occurrence")
    if row.agent:
        marks.append("Made from limits, not by the process server")
    if row.shelf > 0:
        marks.append(f"Shelved until {moment_words(row.shelf, zone, now)}")
    elif row.shelf:
        marks.append("Shelved without an end")
    if row.suppressed:
        marks.append("Suppressed by the plant")
    return tuple(marks)


def _acknowledged(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """When it was acknowledged, and the comment; whose it is the page adds where the person may know it."""
    if not row.ack:
        return ""
    comment = plain(row.comment, MAX_TEXT)
    told = " ".join(filter(None, [moment_words(row.t_ack, zone, now), f"“{comment}”" if comment else ""]))
    return f"Acknowledged {told}".strip()
