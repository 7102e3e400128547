"""A section of site.toml as its shape, or one sentence in the words of the file that says what is wrong with it."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args

import msgspec

from relay_bridge.agent.config_file import HTTP_PATTERN, LOOPBACK_PATTERN, OPCUA_PATTERN, Security
from relay_bridge.agent.config_rest import HTTP_SOURCE_PATTERN, PATH_PATTERN, POINTER_PATTERN
from relay_bridge.agent.errors import ConfigError
from relay_bridge.contract.messages import ID_PATTERN

_T = TypeVar("_T")


def entry(raw: dict[str, Any], shape: Any, section: str) -> Any:
    name = raw.get("id", raw.get("tag", raw.get("name")))
    return convert(raw, shape, f'[[{section}]] "{name[:60]}"' if isinstance(name, str) else f"[[{section}]]")


def convert(raw: dict[str, Any], shape: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_words(str(error))}") from None


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_FORMS = {
    ID_PATTERN: "letters, digits, dots, dashes and underscores, a letter or digit first",
    HTTP_PATTERN: "an address like https://hmi.example.com",
    LOOPBACK_PATTERN: "an address of this machine like 127.0.0.1:8480",
    OPCUA_PATTERN: "an address like opc.tcp://HOST:PORT",
    HTTP_SOURCE_PATTERN: "an address like https://HOST:PORT or https://HOST/api",
    PATH_PATTERN: "a path that begins with / and holds no blanks",
    POINTER_PATTERN: "a JSON pointer like /tank/level",
}
_ALARMS = ("ac (opcua)", "list (rest)", "journal (deltav-edge)", "limits", "none")
_CHOICES = {"kind": ("opcua", "rest", "deltav-edge", "memory"), "security": get_args(Security), "alarms": _ALARMS}
_AT = re.compile(r" - at `(?:key in )?\$\.?(?P<place>[^`]*)`$")


def _words(message: str) -> str:
    """A sentence of msgspec's in the words of the file: ``unknown key "x" in [site]``."""
    at = _AT.search(message)
    text, place = (message[: at.start()], at["place"]) if at else (message, "")
    if match := re.search(r"contains unknown field `(.+)`", text):
        return f'unknown key "{match[1]}"' + (f" in [{place}]." if place else ".")
    if match := re.search(r"missing required field `(.+)`", text):
        return f'lacks the key "{match[1]}"' + (f" in [{place}]." if place else ".")
    text = text[:1].lower() + text[1:].replace("`", "")
    if match := re.search(r"matching regex '(.*)'", text):
        text = "expected " + _FORMS.get(match[1].replace("\\\\", "\\"), "another form")
    elif text.startswith("invalid"):
        text += f"; known are {', '.join(_CHOICES[place])}" if place in _CHOICES else ""
    else:
        text = re.sub(r"\b(int|float|str|bool|array|object)\b", lambda kind: _KINDS[kind[1]], text)
    return f"{place}: {text}." if place else f"{text}."
