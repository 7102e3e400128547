"""How the list is laid out: what waits first, then by priority and time; by unit; rolled up during a flood.

Pure sums on rows. At most ``MOST_ROWS`` rows are laid out; every section says how many it truly has. Titles are in the
language that is on when the list is laid out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from hmi.alarms.wish import Wish, is_doubtful, is_shelved
from hmi.live.alarm_book import importance
from relay_bridge.contract.alarms import AlarmRow, band_of

MOST_ROWS = 100  # on one page; the rest is counted, and found by narrowing the list
MOST_SHELVED = 25
MOST_OF_UNIT = 10
MOST_PINNED = 20
MOST_UNITS = 40

BAND_WORDS = {
    "crit": gettext_lazy("critical"),
    "high": pgettext_lazy("priority", "high"),
    "med": gettext_lazy("medium"),
    "low": pgettext_lazy("priority", "low"),
}


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
    if wish.view == "banner":
        return []
    fitting = [row for row in rows.values() if wish.fits(row)]
    shown = [row for row in fitting if not is_shelved(row)]
    shelved = [row for row in fitting if is_shelved(row)]
    if wish.view == "unit":
        sections = _by_unit(shown, wish)
    elif flood and not wish.view and not wish.narrows:
        sections = _rolled_up(shown, wish, rows.get(first_out))
    else:
        sections = _by_state(shown, wish)
    if shelved:
        rest = sorted(shelved, key=importance)
        most = MOST_ROWS if wish.state == "shelved" else MOST_SHELVED
        query = "" if len(rest) <= most or wish.state == "shelved" else wish.query(state="shelved", view="list")
        sections.append(Section("shelved", _("Shelved or suppressed"), len(rest), _ids(rest[:most]), query=query))
    return sections


def unit_of(row: AlarmRow) -> str:
    """What the row is counted under; empty where the site does not say."""
    return row.asset or row.area


def _by_state(rows: Iterable[AlarmRow], wish: Wish) -> list[Section]:
    kinds: list[tuple[str, str, str, Callable[[AlarmRow], bool]]] = [
        ("waits", _("Active, not acknowledged"), "waiting", lambda row: row.act and not row.ack),
        ("doubt", _("Doubtful, perhaps active"), "active", lambda row: not row.act and is_doubtful(row)),
        ("gone", _("Cleared, not acknowledged"), "waiting", lambda row: _is_cleared(row) and not row.ack),
        ("stands", _("Active, acknowledged"), "acknowledged", lambda row: row.act and row.ack),
        ("rest", _("Cleared, acknowledged"), "acknowledged", lambda row: _is_cleared(row) and row.ack),
    ]
    rows, room, sections = list(rows), MOST_ROWS, []
    for key, title, state, belongs in kinds:
        found = sorted((row for row in rows if belongs(row)), key=importance)
        if found:
            laid_out = found[:room]
            room -= len(laid_out)
            # What has no room here has some on a list of its own, unless this is that list already.
            query = wish.query(state=state, view="list") if len(laid_out) < len(found) and not wish.state else ""
            sections.append(Section(key, title, len(found), _ids(laid_out), query=query))
    return sections


def _is_cleared(row: AlarmRow) -> bool:
    """And that is known."""
    return not row.act and not is_doubtful(row)


def _by_unit(rows: Iterable[AlarmRow], wish: Wish) -> list[Section]:
    room, sections = MOST_ROWS, []
    for name, found in _units(rows)[:MOST_UNITS]:
        laid_out = found[: min(room, MOST_OF_UNIT)]
        room -= len(laid_out)
        sections.append(_unit_section(name, found, _ids(laid_out), wish))
    return sections


def _rolled_up(rows: Iterable[AlarmRow], wish: Wish, first: AlarmRow | None) -> list[Section]:
    """First what came first and the highest priority that waits; everything else is counted by unit."""
    rows = list(rows)
    sections = []
    if first is not None and not is_shelved(first):
        sections.append(Section("first", _("Came first in this flood"), 1, (first.id,)))
    waiting = sorted((row for row in rows if not row.ack), key=importance)
    if waiting:
        band = band_of(waiting[0].sev)
        # What came first stands above already: it is neither laid out nor counted twice.
        pinned = [row for row in waiting if band_of(row.sev) == band and (first is None or row.id != first.id)]
        title = _("Highest priority: %(priority)s") % {"priority": BAND_WORDS[band]}
        query = wish.query(band=band, state="waiting")
        if pinned:
            sections.append(Section("top", title, len(pinned), _ids(pinned[:MOST_PINNED]), query=query))
    sections += [_unit_section(name, found, (), wish) for name, found in _units(rows)[:MOST_UNITS]]
    return sections


def _units(rows: Iterable[AlarmRow]) -> list[tuple[str, list[AlarmRow]]]:
    """Units by what is most important in them, their rows likewise; what waits counts before what does not."""
    by_unit: dict[str, list[AlarmRow]] = {}
    for row in rows:
        by_unit.setdefault(unit_of(row), []).append(row)
    for found in by_unit.values():
        found.sort(key=lambda row: (row.ack, *importance(row)))
    return sorted(by_unit.items(), key=lambda unit: (unit[1][0].ack, *importance(unit[1][0])))


def _unit_section(name: str, rows: list[AlarmRow], ids: tuple[str, ...], wish: Wish) -> Section:
    """``wish`` still narrows what the section leads to: who looks at one priority stays with it."""
    waiting = sum(not row.ack for row in rows)
    worst = BAND_WORDS[band_of(rows[0].sev)]
    if waiting:
        note = ngettext(
            "%(count)d not acknowledged, highest priority: %(priority)s",
            "%(count)d not acknowledged, highest priority: %(priority)s",
            waiting,
        ) % {"count": waiting, "priority": worst}
    else:
        note = _("all acknowledged, highest priority: %(priority)s") % {"priority": worst}
    to_unit = replace(wish, asset=name) if rows[0].asset else replace(wish, area=name)
    query = to_unit.query(view="list") if name and len(ids) < len(rows) else ""
    return Section(f"unit {name}", name or _("Without a unit"), len(rows), ids, note, query)


def _ids(rows: Iterable[AlarmRow]) -> tuple[str, ...]:
    return tuple(row.id for row in rows)
