"""The figures of ISA-18.2 and EEMUA 191 from the journal: how much a person is asked to handle, and by which alarms.

Sums on rows; nothing is asked of anybody. The bounds are the widely published ones, per operator position.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hmi.live.alarm_book import BANDS
from relay_bridge.contract.alarms import AlarmRow, Band, JournalRow, band_of

TEN_MINUTES, HOUR, DAY = 600_000, 3_600_000, 86_400_000  # ms
FLOOD = 10  # alarms in 10 minutes: more is a flood
CHATTER_COUNT, CHATTER_WITHIN = 3, 60_000  # working definition: 3 or more in 60 s from one alarm
STALE_AFTER = DAY
TOP = 10
SPLIT: dict[Band, str] = {"crit": "under 1 %", "high": "about 5 %", "med": "about 15 %", "low": "about 80 %"}


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
class Figures:
    """``days`` that the journal covers of what was asked for; ``count`` alarms in them."""

    days: float
    count: int
    rates: tuple[Figure, ...]
    standing: tuple[Figure, ...]
    split: tuple[tuple[Band, int, float, str], ...]
    top: tuple[Contributor, ...]
    chattering: tuple[Contributor, ...]


def work_out(events: Iterable[JournalRow], rows: Iterable[AlarmRow], start: int, end: int) -> Figures:
    """``start`` and ``end`` (epoch ms) are what ``events`` completely cover; ``rows`` stand now."""
    came = sorted((event for event in events if event.kind == "active" and start <= event.t < end), key=lambda e: e.t)
    span = max(1, end - start)
    windows = _by_window(came, start, TEN_MINUTES)
    count_windows = max(1, -(-span // TEN_MINUTES))
    per_day, per_ten = len(came) * DAY / span, len(came) * TEN_MINUTES / span
    most = _most_in(came, TEN_MINUTES)
    over = sum(count > FLOOD for count in windows.values()) / count_windows
    hours = sum(count > 30 for count in _by_window(came, start, HOUR).values()) / max(1, -(-span // HOUR))
    long_enough = span >= DAY
    top = _contributors(came)
    share = sum(each.share for each in top)
    rates = (
        Figure("Alarms a day", f"{per_day:.0f}", "about 150 acceptable, 300 the most",
               _if(long_enough, per_day <= 300)),
        Figure("Alarms an hour, on average", f"{per_day / 24:.1f}", "about 6 acceptable, 12 the most",
               _if(long_enough, per_day / 24 <= 12)),
        Figure("Alarms in 10 minutes, on average", f"{per_ten:.2f}", "about 1 acceptable, 2 the most",
               _if(long_enough, per_ten <= 2)),
        Figure("Most alarms in any 10 minutes", str(most), "10 or fewer", most <= FLOOD),
        Figure("10-minute periods with more than 10", f"{over:.1%}", "under 1 %", _if(long_enough, over < 0.01)),
        Figure("Hours with more than 30", f"{hours:.1%}", "under 1 %", _if(long_enough, hours < 0.01)),
        Figure("Share of the ten most frequent", f"{share:.0%}", "under 5 %; above it list and mend them", _if(
            len(came) > TOP, share <= 0.05)),
    )  # fmt: skip
    return Figures(
        days=span / DAY,
        count=len(came),
        rates=rates,
        standing=_standing(list(rows), end),
        split=_split(came),
        top=top,
        chattering=_chattering(came),
    )


def _standing(rows: Sequence[AlarmRow], now: int) -> tuple[Figure, ...]:
    shelved = sum(bool(row.shelf) for row in rows)
    active = [row for row in rows if row.act and not row.shelf and not row.suppressed and not row.branch]
    stale = sum(0 < row.t_act <= now - STALE_AFTER for row in active)
    return (
        Figure("Active now", str(len(active)), "under 10", len(active) < 10),
        Figure("Active for more than a day", str(stale), "under 5", stale < 5),
        Figure("Shelved now", str(shelved), "under 30", shelved < 30),
    )


def _split(came: Sequence[JournalRow]) -> tuple[tuple[Band, int, float, str], ...]:
    counts = Counter(band_of(min(max(event.sev, 1), 1000)) for event in came)
    total = max(1, len(came))
    return tuple((band, counts[band], counts[band] / total, SPLIT[band]) for band in BANDS)


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
    return tuple(Contributor(facts[name].name, facts[name].asset, name, count, count / total) for name, count in counts)


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
