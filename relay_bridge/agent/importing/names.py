"""Ids out of a server's names: by the alphabet of ids, each once, and whoever had to be numbered is told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from relay_bridge.contract.shape import MAX_ID

MAX_ASSET = 80  # characters of an asset's id, so that a tag's id has room behind it
MAX_NAME = 100  # characters of an area or an asset's name
_OTHERS = re.compile(r"[^A-Za-z0-9._-]+")
_GERMAN = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ø": "o", "Ø": "O"}
)


def id_from(name: str, most: int = MAX_ID) -> str:
    """``name`` in the letters of ids: ``"Tank 7 (North)"`` becomes ``"Tank_7_North"``; never empty."""
    text = unicodedata.normalize("NFKD", name.translate(_GERMAN)).encode("ascii", "ignore").decode()
    return _OTHERS.sub("_", text).lstrip("._-")[:most].rstrip("._-") or "x"


def clean_name(name: str) -> str:
    """A server's name as a person may see it: one line, bounded."""
    text = "".join(" " if unicodedata.category(c).startswith(("C", "Z")) else c for c in name[: 4 * MAX_NAME])
    return " ".join(text.split())[:MAX_NAME].rstrip()


class Taken:
    """Ids that are given away already. ``numbered``: who got another id than wanted, as (wanted, given)."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._ids = set(ids)
        self.numbered: list[tuple[str, str]] = []

    def __contains__(self, name: object) -> bool:
        return name in self._ids

    def give(self, wanted: str, most: int = MAX_ID) -> str:
        """``wanted``, or with the first free number behind it."""
        given, number = wanted, 1
        while given in self._ids:
            number += 1
            tail = f"_{number}"
            given = wanted[: most - len(tail)] + tail
        self._ids.add(given)
        if given != wanted:
            self.numbered.append((wanted, given))
        return given
