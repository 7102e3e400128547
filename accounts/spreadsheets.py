"""Texts of others in a CSV: shown by a spreadsheet, never run (OWASP, "CSV Injection")."""

from __future__ import annotations

import re

# What makes a formula of a cell, also behind what spreadsheets leave out, and in the full-width forms that some take.
_FORMULA = r"[ \u00a0\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_BEGINS = re.compile(rf"{_FORMULA}|[\t\r\n]")
# Where the comma is the decimal sign a spreadsheet takes the semicolon for the end of a cell, inside a text too.
_WITHIN = re.compile(rf"(?<=.[;\t\r\n])(?={_FORMULA})", re.DOTALL)


def harmless(text: str) -> str:
    """``text`` with an apostrophe wherever a spreadsheet would begin to run it."""
    inside = _WITHIN.sub("'", text)
    return f"'{inside}" if _BEGINS.match(text) else inside
