"""A list of tags out of a spreadsheet (CSV, RFC 4180) as [[tag]] entries: every fault by row and column, or all of it.

UTF-8 with or without a byte order mark; what is no UTF-8 is read as Windows-1252, and that is said. Comma, semicolon
or tab separate; the header decides. Nothing is guessed: a decimal comma is refused, not converted.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from relay_bridge.agent.config_file import MemorySource, TagSection
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.csv_columns import COLUMNS, REQUIRED, column_of, facts_of
from relay_bridge.agent.tags import resolve_tags

MAX_FILE: Final = 64 * 1024 * 1024  # bytes
MAX_ROWS: Final = 20_000
MAX_CELL: Final = 1024 * 1024  # characters
MOST_ERRORS: Final = 50
_AT: Final = re.compile(r" - at `(?:key in )?\$\.?(?P<place>[^`]*)`$")
Facts = dict[str, Any]


@dataclass
class Imported:
    """``tags``: [[tag]] entries, empty when there is an error. ``errors`` and ``notes``: sentences."""

    tags: list[Facts] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_tags(data: bytes, source: str | None, *, known: Sequence[str] = ()) -> Imported:
    """The tags of the list ``data``. ``source``: of rows that name none; ``known``: ids that are configured already."""
    result = Imported()
    try:
        text = _decoded(data, result.notes)
        rows = _rows(text)
        header = _header(next(rows))
    except (_Unusable, StopIteration) as error:
        result.errors.append(str(error) or "The file is empty: the first row names the columns.")
        return result
    reader = _Reader(result, header, source, frozenset(known))
    try:
        for number, row in enumerate(rows, 2):
            reader.take(number, row)
            if len(result.errors) >= MOST_ERRORS:
                result.errors.append(f"There are {MOST_ERRORS} faults or more; the first are told.")
                break
    except _Unusable as error:
        result.errors.append(str(error))
    if not reader.tags and not result.errors:
        result.errors.append("There is a header and no row with a tag.")
    if not result.errors:
        result.tags = reader.tags
    return result


class _Unusable(Exception):  # noqa: N818 - a sentence
    """The file as a whole cannot be read."""


# --- the table -----------------------------------------------------------------------------------------------


def _decoded(data: bytes, notes: list[str]) -> str:
    if len(data) > MAX_FILE:
        raise _Unusable(f"The file is larger than {MAX_FILE} bytes.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Unusable('The file is UTF-16: save it as "CSV UTF-8".')
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError as error:
            raise _Unusable(
                f'The file is neither UTF-8 nor Windows-1252 (byte {error.start + 1}): save it as "CSV UTF-8".'
            ) from None
        notes.append("The file is not UTF-8 and was read as Windows-1252; look at units and names like m³ and °C.")
    if "\0" in text:
        raise _Unusable("The file holds NUL characters: it is no CSV file.")
    return text


def _rows(text: str) -> Iterator[list[str]]:
    """All rows, by the separator under which the header makes most sense."""
    before = csv.field_size_limit(MAX_CELL)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
        for number in itertools.count():
            if number > MAX_ROWS + 1:
                raise _Unusable(f"There are more than {MAX_ROWS} rows.")
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _Unusable(f"Line {reader.line_num} cannot be read: {error}.") from None
            yield row
    finally:
        csv.field_size_limit(before)


def _separator(text: str) -> str:
    line = text.lstrip("\r\n").partition("\n")[0][:100_000]

    def known(separator: str) -> int:
        return sum(_column(cell) in COLUMNS for cell in line.split(separator))

    return max((",", ";", "\t"), key=known)


def _column(cell: str) -> str:
    return cell.strip().strip('"').strip().lower()


def _header(row: Sequence[str]) -> list[str]:
    names = [_column(cell) for cell in row]
    while names and not names[-1]:
        names.pop()  # spreadsheets write a separator behind every row that once had more cells
    unknown = [name for name in names if name not in COLUMNS]
    if unknown:
        raise _Unusable(f'Row 1: "{unknown[0][:40]}" is no column; known are {", ".join(COLUMNS)}.')
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise _Unusable(f'Row 1: the column "{twice[0]}" is there twice.')
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise _Unusable(f'Row 1: the column "{missing[0]}" is missing; the first row names the columns.')
    return names


# --- rows ----------------------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, result: Imported, header: Sequence[str], source: str | None, known: frozenset[str]) -> None:
        self.tags: list[Facts] = []
        self._errors = result.errors
        self._header = header
        self._source = source
        self._known = known
        self._seen: dict[str, int] = {}
        self._assets: dict[str, tuple[int, Facts]] = {}

    def take(self, number: int, row: Sequence[str]) -> None:
        if not any(cell.strip() for cell in row):
            return
        before = len(self._errors)

        def bad(column: str, what: str) -> None:
            place = self._header.index(column) + 1 if column in self._header else 0
            at = f"row {number}, column {place} ({column})" if place else f"row {number}"
            self._errors.append(f"{at}: {what}.")

        if any(cell.strip() for cell in row[len(self._header) :]):
            self._errors.append(
                f"row {number}, column {len(self._header) + 1}: there is a cell beyond the last column."
            )
        facts = facts_of(dict(zip(self._header, row, strict=False)), bad)
        for column in REQUIRED:
            if column not in facts and len(self._errors) == before:
                bad(column, "must be filled in")
        facts.setdefault("source", self._source)
        if facts["source"] is None:
            bad("source", "name the source here or with --source")
        if len(self._errors) > before:
            return
        self._check(number, facts, bad)
        if len(self._errors) == before:
            self.tags.append(_lean(facts))

    def _check(self, number: int, facts: Facts, bad: Any) -> None:
        try:
            section = msgspec.convert(facts, TagSection)
        except msgspec.ValidationError as error:
            match = _AT.search(str(error))
            bad(column_of(match["place"]) if match else "", str(error)[: match.start()] if match else str(error))
            return
        if section.id in self._seen:
            bad("id", f'"{section.id}" is in row {self._seen[section.id]} already')
        elif section.id in self._known:
            bad("id", f'"{section.id}" is configured already')
        self._seen.setdefault(section.id, number)
        try:
            # Everything else that the agent would have against this tag, with an area because it may stand elsewhere.
            whole = section if section.area else msgspec.structs.replace(section, area="x")
            (tag,), _ = resolve_tags([MemorySource(id=section.source)], [whole], [])
        except ConfigError as error:
            bad("", str(error).partition('": ')[2].removesuffix(".") or str(error))
            return
        self._place(number, tag.asset, facts, bad)

    def _place(self, number: int, asset: str, facts: Facts, bad: Any) -> None:
        """The first row of an asset says where and what it is; the others say nothing else."""
        said: Facts = {key: facts[key] for key in ("area", "asset_name", "asset_kind") if key in facts}
        first, known = self._assets.setdefault(asset, (number, said))
        if first == number:
            return
        for key, word in said.items():
            if known.get(key, word) != word:
                bad(key, f'"{word[:60]}" differs from "{known[key][:60]}" of {asset} in row {first}')
            elif key not in known:
                bad(key, f"row {first} is the first of {asset}: say it there")
            facts.pop(key)


def _lean(facts: Facts) -> Facts:
    """In the order in which a [[tag]] is read."""
    order = ("id", "source", "node", "canon", "asset", "asset_name", "asset_kind", "area", "name", "kind")
    return {key: facts[key] for key in order if key in facts} | facts
