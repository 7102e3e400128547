"""What somebody wants to see of the alarm list: from an address, bounded, and comparable so that views are shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from hmi.live.alarm_book import BANDS
from relay_bridge.contract.alarms import AlarmRow, band_of

STATES = ("waiting", "active", "cleared", "acknowledged", "shelved")
VIEWS = ("list", "unit", "banner")
MAX_ID = 40
MAX_NAME = 100  # characters of an area or asset
MAX_TEXT = 60  # characters that are looked for


@dataclass(frozen=True)
class Wish:
    """``band``, ``state``, ``area``, ``asset``, ``text`` narrow the list, empty for all.

    ``view``: ``list`` row by row, ``unit`` grouped, ``banner`` no rows at all; empty: row by row, rolled up during a
    flood. ``one``: this alarm alone, for its own page.
    """

    band: str = ""
    state: str = ""
    area: str = ""
    asset: str = ""
    text: str = ""
    view: str = ""
    one: str = ""

    @property
    def narrows(self) -> bool:
        return bool(self.band or self.state or self.area or self.asset or self.text or self.one)

    def query(self, **changes: str) -> str:
        """The same wish, with ``changes``, as the query of an address; empty when nothing is wished."""
        wish = replace(self, **changes)
        pairs = [(field.name, getattr(wish, field.name)) for field in fields(wish)]
        text = urlencode([(name, value) for name, value in pairs if value])
        return f"?{text}" if text else ""

    def fits(self, row: AlarmRow) -> bool:
        if self.one and row.id != self.one:
            return False
        if self.band and band_of(row.sev) != self.band:
            return False
        if self.area and row.area != self.area:
            return False
        if self.asset and row.asset != self.asset:
            return False
        if self.text and not holds_text(self.text, row.name, row.cond, row.tag, row.asset, row.area, row.msg):
            return False
        return not self.state or _in_state(row, self.state)


def read_wish(values: Mapping[str, Any]) -> Wish:
    """From a query; what does not exist wishes for nothing."""

    def one_of(name: str, choices: tuple[str, ...]) -> str:
        value = str(values.get(name, ""))
        return value if value in choices else ""

    return Wish(
        band=one_of("band", BANDS),
        state=one_of("state", STATES),
        area=str(values.get("area", ""))[:MAX_NAME],
        asset=str(values.get("asset", ""))[:MAX_NAME],
        text=" ".join(str(values.get("text", "")).split())[:MAX_TEXT],
        view=one_of("view", VIEWS),
        one=str(values.get("one", ""))[:MAX_ID],
    )


def holds_text(text: str, *places: str) -> bool:
    """Whether one of ``places`` has ``text`` in it, in capitals or not."""
    wanted = text.casefold()
    return any(wanted in place.casefold() for place in places)


def is_shelved(row: AlarmRow) -> bool:
    """Out of the way: shelved by somebody or suppressed by the plant."""
    return bool(row.shelf) or row.suppressed


def is_doubtful(row: AlarmRow) -> bool:
    """The value that it is worked out from is not good: nobody knows whether it is active now."""
    return row.quality != "good"


def _in_state(row: AlarmRow, state: str) -> bool:
    if state == "shelved":
        return is_shelved(row)
    if is_shelved(row):
        return False
    if state == "waiting":
        return not row.ack
    if state == "acknowledged":
        return row.ack
    # What is in doubt may be active: it is found among those, and never among what is cleared.
    return (row.act or is_doubtful(row)) == (state == "active")
