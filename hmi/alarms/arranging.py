"""How the list is laid out: what waits first, then by priority and time; by unit; rolled up during a flood.

Pure sums on rows. At most ``MOST_ROWS`` rows are laid out; every section says how many it truly has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from hmi.alarms.wish import Wish, is_shelved
from hmi.live.alarm_book import importance
from relay_bridge.contract.alarms import AlarmRow, band_of

MOST_ROWS = 100  # on one page; the rest is counted, and found by narrowing the list
MOST_SHELVED = 25
MOST_OF_UNIT = 10
MOST_PINNED = 20
MOST_UNITS = 40

BAND_WORDS = {"crit": "critical", "high": "high", "med": "medium", "low": "low"}


@dataclass(frozen=True)
class Section:
    """``ids`` are the rows that are laid out, of ``total``. ``note`` counts in words, ``query`` narrows to this one."""

    key: str
    title: str
    total: int
    ids: tuple[str, ...]
    note: str = ""
    query: str = ""


def arrange(rows: Mapping[str, AlarmRow], wish: Wish, *, flood: bool = False, first_out: str = "") -> list[Section]:
    """The sections of the list. ``flood``: it is one now; then, unless something was chosen, only the most important
    rows are laid out and every unit is counted."""
    fitting = [row for row in rows.values() if wish.fits(row)]
    shown = [row for row in fitting if not is_shelved(row)]
    shelved = [row for row in fitting if is_shelved(row)]
    if wish.view == "unit":
        sections = _by_unit(shown)
    elif flood and not wish.view and not wish.narrows:
        sections = _rolled_up(shown, rows.get(first_out))
    else:
        sections = _by_state(shown)
    if shelved:
        title = "Shelved or suppressed"
        rest = sorted(shelved, key=importance)
        sections.append(Section("shelved", title, len(rest), _ids(rest[:MOST_SHELVED]), query="?state=shelved"))
    return sections


def unit_of(row: AlarmRow) -> str:
    """What the row is counted under; empty where the site does not say."""
    return row.asset or row.area


def _by_state(rows: Iterable[AlarmRow]) -> list[Section]:
    kinds: list[tuple[str, str, Callable[[AlarmRow], bool]]] = [
        ("waits", "Active, not acknowledged", lambda row: row.act and not row.ack),
        ("gone", "Cleared, not acknowledged", lambda row: not row.act and not row.ack),
        ("stands", "Active, acknowledged", lambda row: row.act and row.ack),
        ("rest", "Cleared, acknowledged", lambda row: not row.act and row.ack),
    ]
    rows, room, sections = list(rows), MOST_ROWS, []
    for key, title, belongs in kinds:
        found = sorted((row for row in rows if belongs(row)), key=importance)
        if found:
            laid_out = found[:room]
            room -= len(laid_out)
            sections.append(Section(key, title, len(found), _ids(laid_out)))
    return sections


def _by_unit(rows: Iterable[AlarmRow]) -> list[Section]:
    room, sections = MOST_ROWS, []
    for name, found in _units(rows)[:MOST_UNITS]:
        laid_out = found[: min(room, MOST_OF_UNIT)]
        room -= len(laid_out)
        sections.append(_unit_section(name, found, _ids(laid_out)))
    return sections


def _rolled_up(rows: Iterable[AlarmRow], first: AlarmRow | None) -> list[Section]:
    """First what came first and the highest priority that waits; everything else is counted by unit."""
    rows = list(rows)
    sections = []
    if first is not None and not is_shelved(first):
        sections.append(Section("first", "Came first in this flood", 1, (first.id,)))
    waiting = sorted((row for row in rows if not row.ack), key=importance)
    if waiting:
        band = band_of(waiting[0].sev)
        pinned = [row for row in waiting if band_of(row.sev) == band]
        laid_out = [row for row in pinned if first is None or row.id != first.id][:MOST_PINNED]
        title = f"Highest priority not acknowledged: {BAND_WORDS[band]}"
        sections.append(Section("top", title, len(pinned), _ids(laid_out), query=f"?band={band}&state=waiting"))
    sections += [_unit_section(name, found, ()) for name, found in _units(rows)[:MOST_UNITS]]
    return sections


def _units(rows: Iterable[AlarmRow]) -> list[tuple[str, list[AlarmRow]]]:
    """Units by what is most important in them, their rows likewise; what waits counts before what does not."""
    by_unit: dict[str, list[AlarmRow]] = {}
    for row in rows:
        by_unit.setdefault(unit_of(row), []).append(row)
    for found in by_unit.values():
        found.sort(key=lambda row: (row.ack, *importance(row)))
    return sorted(by_unit.items(), key=lambda unit: (unit[1][0].ack, *importance(unit[1][0])))


def _unit_section(name: str, rows: list[AlarmRow], ids: tuple[str, ...]) -> Section:
    waiting = sum(not row.ack for row in rows)
    worst = BAND_WORDS[band_of(rows[0].sev)]
    note = f"{waiting} not acknowledged, highest {worst}" if waiting else f"all acknowledged, highest {worst}"
    wish = Wish(asset=name) if rows[0].asset else Wish(area=name)
    query = wish.query(view="list") if name else ""
    return Section(f"unit {name}", name or "Without a unit", len(rows), ids, note, query)


def _ids(rows: Iterable[AlarmRow]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
