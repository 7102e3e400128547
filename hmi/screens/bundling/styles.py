"""Stylesheets that a stylesheet imports, put into it: one request in place of many, in the same order."""

from __future__ import annotations

import re
from collections.abc import Mapping

_IMPORT = re.compile(r"""^@import\s+url\(["']([\w-]+\.css)["']\);[ \t]*$""", re.MULTILINE)


class ImportMissing(ValueError):  # noqa: N818 - the name says what is wrong
    """A stylesheet imports one that is not there."""


def imported(text: str) -> tuple[str, ...]:
    """The file names that ``text`` imports."""
    return tuple(_IMPORT.findall(text))


def join(file: str, texts: Mapping[str, str]) -> str:
    """The stylesheet ``file`` with its imports in place; ``texts`` by file name. Raises ``ImportMissing``."""

    def content(found: re.Match[str]) -> str:
        if found[1] not in texts:
            raise ImportMissing(f"static/css/{file} imports {found[1]}, which is not there.")
        if imported(texts[found[1]]):
            raise ImportMissing(f"static/css/{found[1]} imports others; name them in static/css/{file}.")
        return texts[found[1]]

    return _IMPORT.sub(content, texts[file])
