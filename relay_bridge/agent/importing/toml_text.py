"""Values as TOML 1.0 text. Only what entries of site.toml hold: texts, numbers, true and false, lists and tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
LONGEST = 110  # characters of a line, after which a list or table of the first level is broken


def text(value: str) -> str:
    """A basic string. Half a surrogate pair, which no TOML may hold, becomes a replacement character."""
    value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # JSON's escapes are TOML's; DEL and the C1 controls must or should be escaped too.
    return _CONTROLS.sub(lambda c: f"\\u{ord(c[0]):04x}", json.dumps(value, ensure_ascii=False))


def key(name: str) -> str:
    return name if _BARE.fullmatch(name) else text(name)


def value(item: Any) -> str:
    """``item`` inline. Raises ``ValueError`` for what has no place in a configuration."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, float):
        if not math.isfinite(item):
            raise ValueError("a number must be finite")
        return repr(item)
    if isinstance(item, str):
        return text(item)
    if isinstance(item, Mapping):
        inside = ", ".join(f"{key(name)} = {value(one)}" for name, one in item.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(item, list | tuple):
        return f"[{', '.join(value(one) for one in item)}]"
    raise ValueError(f"{type(item).__name__} cannot be written")


def entry(section: str, facts: Mapping[str, Any]) -> str:
    """``[[section]]`` with its keys. Tables that are too long for a line stand below as ``[section.key]``."""
    lines, below = [f"[[{section}]]"], []
    for name, fact in facts.items():
        line = f"{key(name)} = {value(fact)}"
        if isinstance(fact, Mapping) and len(line) > LONGEST:
            below += ["", f"[{section}.{key(name)}]", *(f"{key(one)} = {value(part)}" for one, part in fact.items())]
        else:
            lines.append(line)
    return "\n".join([*lines, *below]) + "\n"


def comment(words: str) -> str:
    """One line of comment, whatever the text holds."""
    return "# " + _CONTROLS.sub(" ", words.encode("utf-8", "replace").decode()).strip() + "\n"
