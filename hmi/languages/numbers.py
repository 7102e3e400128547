"""Numbers as people read them. What is read again by a program (attributes, JSON, CSV, addresses) keeps its point."""

from __future__ import annotations

from hmi.languages.choices import decimal_mark


def localised(number: str) -> str:
    """A number written with a point, with the decimal mark of the language that is spoken now: ``12,3`` in German."""
    return number.replace(".", decimal_mark())
