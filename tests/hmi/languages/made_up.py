"""A made-up language for tests of looks and of numbers: every text marked, 40 % longer, nothing left in English.

It is spoken under the code of a real language, so that everything that hangs on the language (the decimal mark, the
page's ``lang``, which texts a script loads) is the real thing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from django.test import override_settings
from django.utils import translation

from hmi.languages import catalogues
from hmi.languages.collecting import collect

LONGER = 0.4
FILLER = "\u00e4\u00f6\u00e5"
# What a translation keeps as it is: placeholders, tags and entities.
_KEPT = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{[^}]*\}|<[^>]*>|&\w+;)")
_WORD = re.compile(r"[A-Za-z]{2,}")


@cache
def made_up(code: str) -> Catalog:
    """The catalogue of the made-up language under ``code``."""
    catalog = Catalog(locale=code, charset="utf-8")
    for message in collect():
        if message.id:
            both = message.id if isinstance(message.id, tuple) else (message.id,)
            strings = tuple(longer(text) for text in both)
            string = strings if len(strings) > 1 else strings[0]
            catalog.add(message.id, string, locations=message.locations, context=message.context)
    return catalog


def longer(text: str) -> str:
    parts = _KEPT.split(text)
    return "".join(part if place % 2 else _WORD.sub(_longer_word, part) for place, part in enumerate(parts))


def script(code: str) -> str:
    """What the page loads as ``js/texts/<code>.js``."""
    return catalogues.script_text(made_up(code))


@contextmanager
def speaking(code: str, folder: Path) -> Iterator[None]:
    """The made-up language is spoken; ``folder`` is an empty one for its catalogue."""
    place = folder / code / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    (place / "django.mo").write_bytes(catalogues.mo_bytes(made_up(code)))
    with override_settings(LOCALE_PATHS=[folder]), translation.override(code):
        yield


def _longer_word(found: re.Match[str]) -> str:
    return found[0] + (FILLER * 10)[: math.ceil(LONGER * len(found[0]))]
