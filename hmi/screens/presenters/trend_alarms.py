"""Alarms on a trend: a badge where each became active, a bar for as long as it stood, and the same as a list.

Badges that would lie on each other are one, with the most severe priority and their number.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.presenting import LETTERS, MAX_NAME
from hmi.live.alarm_words import condition_word
from hmi.screens.presenters.trend_axes import percent
from hmi.screens.presenters.words import moment_text
from hmi.sites.plain_text import plain
from hmi.trends.past_alarms import PastAlarms
from hmi.trends.windows import Window
from relay_bridge.contract.alarms import Band, JournalRow, band_of

TOGETHER = 15.0  # percent of the width: closer badges are one, or they would lie on each other on a phone
AT_END = 0.85  # of the width: further on there is no room on the right of a badge
MOST = 50  # lines of the list, the newest
_RANK: dict[Band, int] = {"crit": 0, "high": 1, "med": 2, "low": 3}


@dataclass(frozen=True)
class ShownBadge:
    """``x``: where it became active, in percent; ``moment``: the same in epoch ms; ``many``: more than one here, which
    stands on the left of a badge that is ``at_end``."""

    x: str
    moment: str
    band: Band
    letter: str
    many: str
    at_end: bool = False


@dataclass(frozen=True)
class ShownBar:
    """For as long as an alarm stood; places in percent, ``start`` and ``end`` in epoch ms."""

    x: str
    width: str
    start: str
    end: str


@dataclass(frozen=True)
class ShownLine:
    """An alarm in the list. ``start`` is empty when it became active before the stretch, ``end`` while it stands."""

    band: Band
    letter: str
    words: str
    name: str
    start: str
    end: str


@dataclass(frozen=True)
class ShownAlarms:
    """``note``: what is not known of the stretch, in words."""

    badges: tuple[ShownBadge, ...] = ()
    bars: tuple[ShownBar, ...] = ()
    lines: tuple[ShownLine, ...] = ()
    more: int = 0
    note: str = ""


@dataclass(frozen=True)
class _Stood:
    """One occurrence; 0 for a moment that lies outside of what was asked for."""

    row: JournalRow
    start: int
    end: int

    @property
    def band(self) -> Band:
        return band_of(self.row.sev)


def show_alarms(past: PastAlarms, window: Window, zone: zoneinfo.ZoneInfo, now: int) -> ShownAlarms:
    """``now``: epoch ms by the agent's clock."""
    note = past.trouble
    if not note and past.since > window.start:
        note = _("Alarms are known from %(moment)s on.") % {"moment": moment_text(past.since, zone, now)}
    stood = _occurrences(past.rows)
    return ShownAlarms(
        badges=tuple(_badges([one for one in stood if one.start], window)),
        bars=tuple(_bar(one, window, now) for one in stood),
        lines=tuple(_line(one, zone, now) for one in reversed(stood[-MOST:])),
        more=max(0, len(stood) - MOST),
        note=note,
    )


def _occurrences(rows: Iterable[JournalRow]) -> list[_Stood]:
    """``rows`` oldest first. What cleared without having begun here began before."""
    found: list[_Stood] = []
    open_at: dict[str, int] = {}
    for row in rows:
        if row.kind == "active":
            open_at[row.id] = len(found)
            found.append(_Stood(row, row.t, 0))
        elif row.kind in {"cleared", "gone"}:
            place = open_at.pop(row.id, None)
            if place is not None:
                found[place] = replace(found[place], end=row.t)
            elif row.kind == "cleared":
                found.append(_Stood(row, 0, row.t))
    return sorted(found, key=lambda one: one.start or one.end)


def _badges(stood: Sequence[_Stood], window: Window) -> Iterable[ShownBadge]:
    length = window.end - window.start
    groups: list[list[_Stood]] = []
    for one in stood:
        if groups and 100 * (one.start - groups[-1][0].start) / length < TOGETHER:
            groups[-1].append(one)
        else:
            groups.append([one])
    for group in groups:
        worst = min((one.band for one in group), key=_RANK.__getitem__)
        many = f"\u00d7{len(group)}" if len(group) > 1 else ""
        start = group[0].start
        at_end = start - window.start > AT_END * length
        yield ShownBadge(percent(start - window.start, length), str(start), worst, LETTERS[worst], many, at_end)


def _bar(one: _Stood, window: Window, now: int) -> ShownBar:
    start, end = one.start or window.start, one.end or min(max(now, one.start), window.end)
    length = window.end - window.start
    return ShownBar(percent(start - window.start, length), percent(end - start, length), str(start), str(end))


def _line(one: _Stood, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    return ShownLine(
        band=one.band,
        letter=LETTERS[one.band],
        words=str(BAND_WORDS[one.band]),
        name=plain(f"{one.row.name} {condition_word(one.row.cond, one.row.name)}".strip(), MAX_NAME) or _("Alarm"),
        start=moment_text(one.start, zone, now) if one.start else "",
        end=moment_text(one.end, zone, now) if one.end else "",
    )
