"""Requests as they are declared: ``{name}`` stands for a value that can become nothing but a value.

In a path it is percent-encoded whole, so ``/``, ``?`` and ``..`` of an id lead nowhere else. In a body the JSON is
built first and written afterwards, so quotes and braces of a value stay text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from relay_bridge.agent.drivers.rest.pointers import escape_token
from relay_bridge.agent.drivers.rest.problems import SettingsError

MAX_PATH = 4000  # bytes of a path with its query
_NAME = re.compile(r"\{([a-z]+)\}")
_SEGMENT = re.compile(r"\.{1,2}")


def check_template(text: str, where: str, *, may: Iterable[str], must: Iterable[str] = ()) -> None:
    """``SettingsError`` when a path has other placeholders than it may have, or lacks one that it must have."""
    names = set(_NAME.findall(text))
    rest = _NAME.sub("", text)
    if "{" in rest or "}" in rest:
        raise SettingsError(f"{where}: a brace stands for a placeholder like {{id}}; write it as %7B or %7D")
    if "#" in text:
        raise SettingsError(f"{where}: a path has no # in it; write it as %23")
    for name in sorted(names - set(may)):
        raise SettingsError(f"{where}: {{{name}}} is not known here; known are {', '.join(sorted(may)) or 'none'}")
    for name in sorted(set(must) - names):
        raise SettingsError(f"{where}: lacks {{{name}}}")


def fill_path(template: str, values: Mapping[str, str]) -> str:
    """The path with every value percent-encoded. An id of dots alone could leave its folder: it is refused."""

    def encoded(match: re.Match[str]) -> str:
        value = values[match[1]]
        if _SEGMENT.fullmatch(value):
            raise SettingsError('an id may not be "." or ".."')
        return quote(value.encode("utf-8", "replace"), safe="")

    path = _NAME.sub(encoded, template)
    if len(path) > MAX_PATH:
        raise SettingsError(f"a request would be longer than {MAX_PATH} bytes")
    return path


def fill_pointer(template: str, values: Mapping[str, str]) -> str:
    """A pointer in which ``{name}`` stands for one step."""
    return _NAME.sub(lambda match: escape_token(values[match[1]]) if match[1] in values else match[0], template)


def check_body(body: Any, where: str, *, may: Iterable[str]) -> None:
    """``SettingsError`` for placeholders in a body that are not known, or stand in a name, where nothing is filled."""
    if name := _NAME.search(json.dumps(_names(body), ensure_ascii=False)):
        raise SettingsError(f"{where}: {name[0]} cannot stand in a name, only in a value")
    for name in sorted(set(_NAME.findall(json.dumps(body, ensure_ascii=False))) - set(may)):
        raise SettingsError(f"{where}: {{{name}}} is not known here; known are {', '.join(sorted(may))}")


def _names(part: Any) -> list[str]:
    """The names of all objects in ``part``."""
    if isinstance(part, dict):
        return [*part, *(name for value in part.values() for name in _names(value))]
    return [name for value in part for name in _names(value)] if isinstance(part, list) else []


def fill_body(body: Any, values: Mapping[str, Any]) -> bytes:
    """The body as JSON. A text that is ``{name}`` alone becomes the value in its own type, elsewhere its text."""
    return json.dumps(_filled(body, values), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, values) for value in part]
    if not isinstance(part, str):
        return part
    whole = _NAME.fullmatch(part)
    if whole is not None:
        return values[whole[1]]
    return _NAME.sub(lambda match: _text(values[match[1]]), part)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, allow_nan=False)
