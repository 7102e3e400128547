"""One alarm as a person reads it: words for state, priority, time and who; all text of the plant is only ever text."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.wish import is_doubtful, is_shelved
from hmi.languages.dates import date_text
from hmi.live.alarm_words import condition_word
from hmi.sites.plain_text import apart, plain
from relay_bridge.contract.alarms import AlarmRow, Band, band_of

LETTERS: Mapping[str, str] = {"crit": "1", "high": "2", "med": "3", "low": "4"}
MAX_NAME, MAX_CONDITION, MAX_TEXT = 120, 60, 200  # characters
_NUMBER_AND_UNIT = re.compile(r"(?<![\w.-])([-+]?\d[\d.,]*) (?=[^\W\d_]|[%°])")  # not the 1 of "TK-1 level"


@dataclass(frozen=True)
class ShownAlarm:
    """``waits``: nobody acknowledged it. ``doubtful``: the value that it is worked out from is not good, so that nobody
    knows whether it is active. ``since`` and the other moments are texts in the site's time, empty when not
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
    doubtful: bool = False
    href: str = ""

    @property
    def place(self) -> str:
        """Where it is, unless its name says so already."""
        return "" if self.where.casefold() in self.name.casefold() else self.where

    @property
    def words(self) -> str:
        """For a screen reader: ``critical, not acknowledged``."""
        return priority_words(self.band, waits=self.waits, doubtful=self.doubtful)


def show_alarm(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int, href: str = "", who: str = "") -> ShownAlarm:
    """``now`` in epoch ms by the agent's clock; moments of another day get their date. ``who`` acknowledged it, where
    that is known by name."""
    band = band_of(row.sev)
    return ShownAlarm(
        id=row.id,
        eid=row.eid,
        band=band,
        letter=LETTERS[band],
        priority=str(BAND_WORDS[band]),
        name=plain(row.name, MAX_NAME) or _("Alarm"),
        kind=plain(condition_word(row.cond, row.name), MAX_CONDITION),
        where=plain(row.asset or row.area, MAX_NAME),
        message=with_units(plain(row.msg, MAX_TEXT)),
        state=state_words(row),
        since=moment_words((row.t_act if row.act else row.t_clr) or row.t_act, zone, now),
        waits=not row.ack,
        active=row.act,
        source=row.source,
        marks=_marks(row, zone, now),
        acknowledged=_acknowledged(row, zone, now, apart(plain(who, 60))),
        shelved=is_shelved(row),
        doubtful=is_doubtful(row),
        href=href,
    )


def priority_words(band: Band, *, waits: bool, doubtful: bool = False) -> str:
    if doubtful:
        form = _("%(priority)s, doubtful, not acknowledged") if waits else _("%(priority)s, doubtful, acknowledged")
        return form % {"priority": BAND_WORDS[band]}
    form = _("%(priority)s, not acknowledged") if waits else _("%(priority)s, acknowledged")
    return form % {"priority": BAND_WORDS[band]}


def alarm_name(row: AlarmRow) -> str:
    """``TK-204 level Low``: the alarm and its condition, as the site calls them."""
    condition = plain(condition_word(row.cond, row.name), MAX_CONDITION)
    return " ".join(part for part in (plain(row.name, MAX_NAME), condition) if part)


def state_words(row: AlarmRow) -> str:
    if is_doubtful(row):
        return _doubtful_words(row)
    if row.ack and row.conf is False:
        return _("Active, acknowledged, not confirmed") if row.act else _("Cleared, acknowledged, not confirmed")
    if row.ack:
        return _("Active, acknowledged") if row.act else _("Cleared, acknowledged")
    return _("Active, not acknowledged") if row.act else _("Cleared, not acknowledged")


def _doubtful_words(row: AlarmRow) -> str:
    """What cannot be known now is told as it was last known, and never as cleared."""
    if row.ack and row.conf is False:
        return (
            _("Doubtful: active when last known; acknowledged, not confirmed")
            if row.act
            else _("Doubtful: not active when last known; acknowledged, not confirmed")
        )
    if row.ack:
        return (
            _("Doubtful: active when last known; acknowledged")
            if row.act
            else _("Doubtful: not active when last known; acknowledged")
        )
    return (
        _("Doubtful: active when last known; not acknowledged")
        if row.act
        else _("Doubtful: not active when last known; not acknowledged")
    )


def with_units(text: str) -> str:
    """A text of the plant in which no line ends between a number and its unit."""
    return _NUMBER_AND_UNIT.sub("\\1\u00a0", text)


def moment_words(ms: int, zone: zoneinfo.ZoneInfo, now: int) -> str:
    """``14:02:03`` on the same day, else with the date; empty for 0."""
    if ms <= 0:
        return ""
    then, today = at(ms, zone), at(now, zone)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{date_text(then)} {then:%H:%M:%S}"


def at(ms: int, zone: zoneinfo.ZoneInfo) -> datetime:
    return datetime.fromtimestamp(min(ms, 253_402_300_000_000) / 1000, UTC).astimezone(zone)


def _marks(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int) -> tuple[str, ...]:
    marks = []
    if row.quality == "bad":
        marks.append(_("The value behind it is bad or not there"))
    elif row.quality == "uncertain":
        marks.append(_("The value behind it is uncertain"))
    if row.branch:
        marks.append(_("Earlier occurrence"))
    if row.agent:
        marks.append(_("Made from limits, not by the process server"))
    if row.shelf > 0:
        marks.append(_("Shelved until %(moment)s") % {"moment": moment_words(row.shelf, zone, now)})
    elif row.shelf:
        marks.append(_("Shelved without an end"))
    if row.suppressed:
        marks.append(_("Suppressed by the plant"))
    return tuple(marks)


def _acknowledged(row: AlarmRow, zone: zoneinfo.ZoneInfo, now: int, who: str) -> str:
    """Who has it, since when, and what was said of it."""
    if not row.ack or not (row.t_ack or who or row.comment):
        return ""
    when, comment = moment_words(row.t_ack, zone, now), apart(plain(row.comment, MAX_TEXT))
    if who and when:
        told = _("Acknowledged by %(who)s at %(moment)s") % {"who": who, "moment": when}
    elif who:
        told = _("Acknowledged by %(who)s") % {"who": who}
    elif when:
        told = _("Acknowledged at %(moment)s") % {"moment": when}
    else:
        told = _("Acknowledged")
    return f"{told}: “{comment}”" if comment else told
