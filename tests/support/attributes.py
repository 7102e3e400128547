"""What a page carries for programs: no attribute that a script, a drawing or a form reads has a decimal comma."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

# Read by people, so written as they write numbers.
FOR_PEOPLE = {"aria-label", "aria-description", "aria-valuetext", "title", "alt", "placeholder", "content"}
_COMMA = re.compile(r"(?<![\w.,])-?\d+,\d+(?![\w,])")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.addresses: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.names.add(name)
            if name in {"href", "hx-get", "data-list"} and value:
                self.addresses.add(value)
            # A sentence in data-... is for people, and so is what a typed value says beside its unit.
            if value and name not in FOR_PEOPLE and _is_wrong(value):
                self.found.append(f"<{tag} {name}={value[:120]!r}>")


def _is_wrong(value: str) -> bool:
    if value[:1] in "[{":
        try:
            json.loads(value)
        except ValueError:
            return bool(_COMMA.search(value))
        return False
    return bool(_COMMA.search(value))


def read(html: str) -> tuple[list[str], set[str], set[str]]:
    """The attributes with a decimal comma, the addresses that the page leads to, and the names of its attributes."""
    reader = _Reader()
    reader.feed(html)
    return reader.found, reader.addresses, reader.names
