"""The figures of ISA-18.2 and EEMUA 191 from the journal: how much a person is asked to handle, and by which alarms.

Sums on rows; nothing is asked of anybody. The bounds are the widely published ones, per operator position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hmi.alarms.presenting import with_units
from hmi.languages.numbers import localised
from hmi.live.alarm_book import BANDS
from hmi.live.alarm_words import condition_word
from relay_bridge.contract.alarms import AlarmRow, Band, JournalRow, band_of

TEN_MINUTES, HOUR, DAY = 600_000, 3_600_000, 86_400_000  # ms
FLOOD = 10  # alarms in 10 minutes: so many begin a flood, and more are a period too many
FLOOD_ENDS = 5  # fewer than so many in 10 minutes end it
CHATTER_COUNT, CHATTER_WITHIN = 3, 60_000  # working definition: 3 or more in 60 s from one alarm
STALE_AFTER = DAY
TOP = 10
UNKNOWN = "\u2013"
MOST_STALE = 50  # listed
BARS = 144  # stretches of 10 minutes in the picture: a day
ENOUGH = 100  # alarms from which the split of priorities says something
SPLIT = {
    "crit": gettext_lazy("under 1 %"),
    "high": gettext_lazy("about 5 %"),
    "med": gettext_lazy("about 15 %"),
    "low": gettext_lazy("about 80 %"),
}
# The one share with a published bound of its own; the others are only meant to be about so much.
SPLIT_LIMITS: dict[Band, float] = {"crit": 0.01}


@dataclass(frozen=True)
class Figure:
    """``within`` is None where there is no bound, or too little to judge by."""

    name: str
    value: str
    bound: str = ""
    within: bool | None = None


@dataclass(frozen=True)
class Contributor:
    name: str
    asset: str
    id: str
    count: int
    share: float


@dataclass(frozen=True)
class Share:
    """How much of all alarms one priority has, against how much it is meant to have."""

    band: Band
    count: int
    share: float
    meant: str
    within: bool | None


@dataclass(frozen=True)
class Standing:
    """One alarm that has been active for more than a day; ``since`` epoch ms."""

    name: str
    asset: str
    id: str
    since: int


@dataclass(frozen=True)
class Figures:
    """``days`` that the journal covers of what was asked for; ``count`` alarms in them; ``bars`` the alarms of each 10
    minutes of the last day at most, the newest last."""

    days: float
    count: int
    rates: tuple[Figure, ...]
    standing: tuple[Figure, ...]
    stale: tuple[Standing, ...]
    split: tuple[Share, ...]
    top: tuple[Contributor, ...]
    chattering: tuple[Contributor, ...]
    bars: tuple[int, ...]


def work_out(events: Iterable[JournalRow], rows: Iterable[AlarmRow], start: int, end: int) -> Figures:
    """``start`` and ``end`` (epoch ms) are what ``events`` completely cover; ``rows`` stand now."""
    came = sorted((event for event in events if event.kind == "active" and start <= event.t < end), key=lambda e: e.t)
    rows, span = list(rows), max(1, end - start)
    top = _contributors(came)
    return Figures(
        days=span / DAY,
        count=len(came),
        rates=_rates(came, start, end, sum(each.share for each in top)),
        standing=_standing(rows, end),
        stale=_stale(rows, end),
        split=_split(came),
        top=top,
        chattering=_chattering(came),
        bars=_bars(came, start, end),
    )


def _rates(came: Sequence[JournalRow], start: int, end: int, share: float) -> tuple[Figure, ...]:
    span = max(1, end - start)
    windows = _by_window(came, start, TEN_MINUTES)
    rate = len(came) / span
    # An average over less than its own hour or day would be a guess, and look like a figure.
    per_ten = localised(f"{rate * TEN_MINUTES:.2f}") if span >= HOUR else UNKNOWN
    per_hour = localised(f"{rate * HOUR:.1f}") if span >= HOUR else UNKNOWN
    a_day = f"{rate * DAY:.0f}" if span >= DAY else UNKNOWN
    most, last = _most_in(came, TEN_MINUTES), sum(event.t > end - TEN_MINUTES for event in came)
    over = sum(count > FLOOD for count in windows.values()) / max(1, -(-span // TEN_MINUTES))
    hours = sum(count > 30 for count in _by_window(came, start, HOUR).values()) / max(1, -(-span // HOUR))
    flood = time_in_flood([event.t for event in came], end) / span
    long_enough, under_one = span >= DAY, with_units(_("under 1 %"))
    return (
        Figure(_("Alarms in the last 10 minutes"), str(last), _("10 begin a flood"), last < FLOOD),
        Figure(_("Alarms in 10 minutes, on average"), per_ten, _("about 1 acceptable, 2 the most"),
               _if(long_enough, rate * TEN_MINUTES <= 2)),
        Figure(_("Alarms an hour, on average"), per_hour, _("about 6 acceptable, 12 the most"),
               _if(long_enough, rate * HOUR <= 12)),
        Figure(_("Alarms a day"), a_day, _("about 150 acceptable, 300 the most"),
               _if(long_enough, rate * DAY <= 300)),
        Figure(_("Most alarms in any 10 minutes"), str(most), _("10 or fewer"), most <= FLOOD),
        Figure(_("10-minute periods with more than 10 alarms"), _percent(over, 1), under_one,
               _if(long_enough, over < 0.01)),
        Figure(_("Hours with more than 30 alarms"), _percent(hours, 1), under_one, _if(long_enough, hours < 0.01)),
        Figure(_("Time in flood"), _percent(flood, 1), under_one, _if(long_enough, flood < 0.01)),
        Figure(_("Share of the ten most frequent alarms"), _percent(share, 0),
               with_units(_("under 5 %; above it, list them and mend them")), _if(len(came) > TOP, share <= 0.05)),
    )  # fmt: skip


def _percent(share: float, decimals: int) -> str:
    return localised(f"{100 * share:.{decimals}f} %")


def time_in_flood(moments: Sequence[int], end: int) -> int:
    """Milliseconds in flood until ``end``: it begins when 10 came within 10 minutes and ends when fewer than 5 did.

    ``moments``: of the alarms in order, epoch ms. Between two alarms the count only falls, and it falls below 5 ten
    minutes after the fifth newest.
    """
    total, began, oldest = 0, None, 0
    for place, moment in enumerate(moments):
        if began is not None and (ended := moments[place - FLOOD_ENDS] + TEN_MINUTES) < moment:
            total, began = total + ended - began, None
        while moments[oldest] <= moment - TEN_MINUTES:
            oldest += 1
        if began is None and place - oldest + 1 >= FLOOD:
            began = moment
    if began is not None:
        total += max(0, min(end, moments[-FLOOD_ENDS] + TEN_MINUTES) - began)
    return total


def _standing(rows: Sequence[AlarmRow], now: int) -> tuple[Figure, ...]:
    shelved, active = sum(bool(row.shelf) for row in rows), _active(rows)
    stale = sum(_is_stale(row, now) for row in active)
    return (
        Figure(_("Active now"), str(len(active)), _("under 10"), len(active) < 10),
        Figure(_("Active for more than a day"), str(stale), _("under 5"), stale < 5),
        Figure(_("Shelved now"), str(shelved), _("under 30"), shelved < 30),
    )


def _stale(rows: Sequence[AlarmRow], now: int) -> tuple[Standing, ...]:
    """The longest first."""
    stale = sorted((row for row in _active(rows) if _is_stale(row, now)), key=lambda row: row.t_act)
    return tuple(Standing(_full_name(row), row.asset, row.id, row.t_act) for row in stale[:MOST_STALE])


def _active(rows: Iterable[AlarmRow]) -> list[AlarmRow]:
    return [row for row in rows if row.act and not row.shelf and not row.suppressed and not row.branch]


def _is_stale(row: AlarmRow, now: int) -> bool:
    return 0 < row.t_act <= now - STALE_AFTER


def _split(came: Sequence[JournalRow]) -> tuple[Share, ...]:
    counts = Counter(band_of(min(max(event.sev, 1), 1000)) for event in came)
    total = max(1, len(came))
    return tuple(
        Share(
            band,
            counts[band],
            counts[band] / total,
            with_units(str(SPLIT[band])),
            _if(len(came) >= ENOUGH and band in SPLIT_LIMITS, counts[band] / total < SPLIT_LIMITS.get(band, 1.1)),
        )
        for band in BANDS
    )


def _bars(came: Sequence[JournalRow], start: int, end: int) -> tuple[int, ...]:
    """Stretches of 10 minutes that end with the present one."""
    number = min(BARS, max(1, -(-(end - start) // TEN_MINUTES)))
    counts = [0] * number
    for event in came:
        place = number - 1 - (end - event.t - 1) // TEN_MINUTES
        if place >= 0:
            counts[place] += 1
    return tuple(counts)


def _contributors(came: Sequence[JournalRow]) -> tuple[Contributor, ...]:
    return _name(Counter(event.id for event in came).most_common(TOP), came)


def _chattering(came: Sequence[JournalRow]) -> tuple[Contributor, ...]:
    times: dict[str, list[int]] = {}
    for event in came:
        times.setdefault(event.id, []).append(event.t)
    found = Counter({name: len(moments) for name, moments in times.items() if _chatters(moments)})
    return _name(found.most_common(TOP), came)


def _chatters(moments: list[int]) -> bool:
    last = CHATTER_COUNT - 1
    return any(moments[i + last] - moments[i] < CHATTER_WITHIN for i in range(len(moments) - last))


def _name(counts: Iterable[tuple[str, int]], came: Sequence[JournalRow]) -> tuple[Contributor, ...]:
    facts = {event.id: event for event in came}
    total = max(1, len(came))
    return tuple(
        Contributor(_full_name(facts[name]), facts[name].asset, name, count, count / total) for name, count in counts
    )


def _full_name(row: AlarmRow | JournalRow) -> str:
    """With its condition: one instrument has several alarms of the same name."""
    return f"{row.name} {condition_word(row.cond, row.name)}".strip()


def _by_window(came: Iterable[JournalRow], start: int, length: int) -> Counter[int]:
    return Counter((event.t - start) // length for event in came)


def _most_in(came: Sequence[JournalRow], length: int) -> int:
    """In any such stretch of time, wherever it begins."""
    most = first = 0
    for last, event in enumerate(came):
        while event.t - came[first].t >= length:
            first += 1
        most = max(most, last - first + 1)
    return most


def _if(enough: bool, within: bool) -> bool | None:
    return within if enough else None
