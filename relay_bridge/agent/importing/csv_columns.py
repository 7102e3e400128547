"""A list of tags as a table: its columns, and each tag as a row of texts and back. docs/tank-vocabulary.md names them.

Numbers have a decimal point. A text that a spreadsheet would take for a formula carries an apostrophe in front, which
is taken off again when the list is read; so is one that was there before.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from relay_bridge.agent.config_file import Severities
from relay_bridge.agent.tags import AssetConfig, TagConfig

NO_UNIT: Final = "(none)"  # the tag has no unit, whatever its source says; an empty cell leaves it to the source
_NUMBER = re.compile(r"[+-]?\d{1,400}(?:\.\d{1,400})?(?:[eE][+-]?\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
# What begins a formula in one spreadsheet or another (OWASP, CSV injection), and the apostrophe itself.
_FORMULA: Final = frozenset("=+-@'\uff1d\uff0b\uff0d\uff20")
_SEVERITY: Final = {f"sev_{key}": key for key in ("hh", "h", "l", "ll")}
_LIMITS: Final = ("ll", "l", "h", "hh")


class BadCell(ValueError):  # noqa: N818 - a clause, not a fault of ours
    """What is wrong with a cell: a clause."""


def guarded(text: str) -> str:
    """``text`` so that no spreadsheet runs it."""
    return f"'{text}" if _needs_guard(text) else text


def unguarded(text: str) -> str:
    """What ``guarded`` was given."""
    return text[1:] if text.startswith("'") and _needs_guard(text[1:]) else text


def _needs_guard(text: str) -> bool:
    """Blanks alone are guarded too: a cell of blanks is an empty one."""
    return bool(text) and text.lstrip()[:1] in {"", *_FORMULA}


def _word(cell: str) -> str:
    return cell.strip()


def _number(cell: str) -> float:
    cell = cell.strip()
    if not _NUMBER.fullmatch(cell) or not math.isfinite(float(cell)):
        hint = "; write a decimal point, not a comma, and no sign between thousands" if cell[:1].isdigit() else ""
        raise BadCell(f'"{cell[:40]}" is no number{hint}')
    return float(cell)


def _whole(cell: str) -> int:
    cell = cell.strip()
    if not _WHOLE.fullmatch(cell):
        raise BadCell(f'"{cell[:40]}" is no whole number')
    return int(cell)


def _words(cell: str) -> dict[str, str]:
    try:
        words = msgspec.json.decode(unguarded(cell), type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError):
        raise BadCell('write it as {"0": "local", "1": "remote"}') from None
    return words


def _unit(cell: str) -> str:
    unit = unguarded(cell)
    return "" if unit == NO_UNIT else unit


# Of each column how its cell is read. An empty cell says nothing; order is the order of an export.
COLUMNS: Final[dict[str, Callable[[str], Any]]] = {
    "id": _word, "source": _word, "node": unguarded, "asset": _word, "asset_name": unguarded, "asset_kind": _word,
    "area": unguarded, "name": unguarded, "canon": _word, "kind": _word, "unit": _unit, "low": _number, "high": _number,
    "decimals": _whole, "deadband": _number, **dict.fromkeys(_LIMITS, _number), "hysteresis": _number,
    "delay_s": _number, **dict.fromkeys(_SEVERITY, _whole), "enums": _words, "gauge": _words,
}  # fmt: skip
REQUIRED: Final = ("id", "node")


def row_of(tag: TagConfig, asset: AssetConfig) -> list[str]:
    """The cells of a tag, one for each column."""
    usual = Severities()
    texts = {
        "id": tag.id, "source": tag.source, "node": tag.node, "asset": asset.id, "asset_name": asset.name,
        "asset_kind": asset.kind, "area": asset.area, "name": tag.name, "canon": tag.canon, "kind": tag.kind,
        "unit": NO_UNIT if tag.unit == "" else tag.unit,
        "enums": None if tag.enums is None else json.dumps(tag.enums, ensure_ascii=False),
        "gauge": None if tag.gauge is None else json.dumps(tag.gauge, ensure_ascii=False),
    }  # fmt: skip
    numbers: dict[str, float | None] = {
        "low": tag.span[0] if tag.span else None,
        "high": tag.span[1] if tag.span else None,
        "decimals": tag.decimals,
        "deadband": tag.deadband or None,
        "hysteresis": tag.hysteresis,
        "delay_s": tag.delay_s or None,
        **{key: getattr(tag.limits, key) if tag.limits else None for key in _LIMITS},
        **{
            column: getattr(tag.severity, key) if getattr(tag.severity, key) != getattr(usual, key) else None
            for column, key in _SEVERITY.items()
        },
    }
    return [_shown(numbers[column]) if column in numbers else guarded(texts[column] or "") for column in COLUMNS]


def facts_of(cells: Mapping[str, str], bad: Callable[[str, str], None]) -> dict[str, Any]:
    """What a row says, in the shape of a [[tag]]. ``bad`` is told a column and what is wrong there."""
    said: dict[str, Any] = {}
    for column, cell in cells.items():
        if not cell.strip():
            continue
        try:
            said[column] = COLUMNS[column](cell)
        except BadCell as error:
            bad(column, str(error))
    facts = {name: said[name] for name in said if name not in {"low", "high", *_LIMITS, *_SEVERITY}}
    if "low" in said and "high" in said:
        facts["range"] = [said["low"], said["high"]]
    elif bool(cells.get("low", "").strip()) != bool(cells.get("high", "").strip()):
        bad("high" if cells.get("low", "").strip() else "low", "low and high go together")
    limits = {key: said[key] for key in _LIMITS if key in said}
    severity = {key: said[column] for column, key in _SEVERITY.items() if column in said}
    return facts | ({"limits": limits} if limits else {}) | ({"severity": severity} if severity else {})


def column_of(place: str) -> str:
    """The column that a key of a [[tag]] stands in: ``severity.hh`` is ``sev_hh``."""
    first, _, rest = place.partition(".")
    if first == "severity":
        return f"sev_{rest}"
    if first == "limits":
        return rest
    return "low" if first.startswith("range") else first.partition("[")[0]


def _shown(number: float | None) -> str:
    return "" if number is None else repr(number)
