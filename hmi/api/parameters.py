"""Reading a query strictly: what is unknown, repeated, too long or out of range is refused, never guessed."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from django.http import HttpRequest

from hmi.api.problems import bad_parameter, no_such_page
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, MAX_TAGS

DEFAULT_LIMIT = 100
MAX_LIMIT = MAX_TAGS  # rows of one page
MAX_CURSOR = 200  # characters
MAX_OFFSET = 1_000_000
MAX_AREA = 100
_DIGITS = re.compile(r"[0-9]{1,4}\Z")
_T = TypeVar("_T")


class Query:
    """The parameters of one request; ``known`` are the only names it may use, ``many`` those that may be repeated."""

    def __init__(self, request: HttpRequest, known: frozenset[str], many: frozenset[str] = frozenset()) -> None:
        self._values = dict(request.GET.lists())
        for name, values in self._values.items():
            if name not in known:
                raise bad_parameter(f"There is no parameter {name[:40]!r} here. Known: {', '.join(sorted(known))}.")
            if len(values) > 1 and name not in many:
                raise bad_parameter(f"The parameter {name} is given once.")

    def text(self, name: str) -> str | None:
        values = self._values.get(name)
        return values[0] if values else None

    def identifier(self, name: str) -> str | None:
        value = self.text(name)
        return None if value is None else check_identifier(value, name)

    def identifiers(self, name: str, most: int) -> list[str]:
        values = self._values.get(name, [])
        if len(values) > most:
            raise bad_parameter(f"At most {most} of {name} at once.")
        return list(dict.fromkeys(check_identifier(value, name) for value in values))

    def area(self) -> str | None:
        value = self.text("area")
        if value is not None and (not value or len(value) > MAX_AREA):
            raise bad_parameter(f"An area has 1 to {MAX_AREA} characters.")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            raise bad_parameter(f"{name} is one of {', '.join(choices)}.")
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false")) == "true"

    def limit(self) -> int:
        value = self.text("limit")
        if value is None:
            return DEFAULT_LIMIT
        number = int(value) if _DIGITS.match(value) else 0
        if not 1 <= number <= MAX_LIMIT:
            raise bad_parameter(f"limit is a whole number from 1 to {MAX_LIMIT}.")
        return number

    def page(self, rows: Sequence[_T], version: str) -> tuple[Sequence[_T], str | None]:
        """One page of ``rows`` and the cursor of the next.

        ``version`` names this very list: a cursor of another one is refused, because its place would mean nothing.
        """
        start, limit = self._start(version), self.limit()
        stop = start + limit
        return rows[start:stop], (_make_cursor(version, stop) if stop < len(rows) else None)

    def _start(self, version: str) -> int:
        text = self.text("cursor")
        if text is None:
            return 0
        offset = _read_cursor(text, version)
        if offset is None:
            raise no_such_page()
        return offset


def check_identifier(value: str, name: str) -> str:
    """An id as the agent makes them."""
    if len(value) > MAX_ID or not re.match(ID_PATTERN, value):
        raise bad_parameter(f"{name} is no id: letters, digits, dots, underscores and hyphens, at most {MAX_ID}.")
    return value


def _make_cursor(version: str, offset: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((version, offset))).decode().rstrip("=")


def _read_cursor(text: str, version: str) -> int | None:
    if not text or len(text) > MAX_CURSOR or not text.isascii():
        return None
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        named, offset = msgspec.json.decode(data, type=tuple[str, int])
    except (ValueError, msgspec.MsgspecError):
        return None
    return offset if named == version and 0 < offset <= MAX_OFFSET else None
