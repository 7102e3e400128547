"""A value to write in the exact built-in type of its node (OPC 10000-6, 5.1.2), or the reason why it does not fit."""

from __future__ import annotations

import math
from typing import Any, Final

from asyncua import ua

from relay_bridge.agent.drivers.opcua.data_types import ENUMERATION, type_name
from relay_bridge.contract.errors import RequestRefused

_BOOLEAN, _FLOAT, _DOUBLE, _STRING, _LOCALIZED = 1, 10, 11, 12, 21
# By built-in type: bits, signed.
_INTEGERS: Final = {
    2: (8, True), 3: (8, False), 4: (16, True), 5: (16, False), 6: (32, True), 7: (32, False), 8: (64, True),
    9: (64, False), ENUMERATION: (32, True),
}  # fmt: skip
_LARGEST_FLOAT = 3.4028234663852886e38
_EXACT = 2**53  # integers up to here are exact in a Double
MAX_TEXT = 1024  # characters


def encode(value: Any, builtin: int) -> Any:
    """The Variant to send. RequestRefused: ``type`` when the kinds differ, ``range`` when the node cannot hold it."""
    if builtin == _BOOLEAN:
        if isinstance(value, bool):
            return ua.Variant(value, ua.VariantType.Boolean)
    elif builtin in _INTEGERS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ua.Variant(_integer(value, builtin), _variant_type(builtin))
    elif builtin in {_FLOAT, _DOUBLE}:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ua.Variant(_floating(value, builtin), _variant_type(builtin))
    elif builtin in {_STRING, _LOCALIZED}:
        if isinstance(value, str):
            return _text(value, builtin)
    else:
        raise RequestRefused("type", "The source holds a kind of value there that cannot be written from here.")
    raise RequestRefused("type", f"The source takes a {type_name(builtin)} there, and the value is none.")


def _variant_type(builtin: int) -> Any:
    return ua.VariantType.Int32 if builtin == ENUMERATION else ua.VariantType(builtin)


def _integer(value: float, builtin: int) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise RequestRefused("type", f"The source takes a whole number there ({type_name(builtin)}).")
    bits, signed = _INTEGERS[builtin]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if not low <= value <= high:
        raise RequestRefused("range", f"The source holds {low} to {high} there ({type_name(builtin)}).")
    return int(value)


def _floating(value: float, builtin: int) -> float:
    if not math.isfinite(value):
        raise RequestRefused("range", "Only finite numbers can be written.")
    largest = _LARGEST_FLOAT if builtin == _FLOAT else _EXACT if isinstance(value, int) else math.inf
    if abs(value) > largest:
        raise RequestRefused("range", f"The source cannot hold so large a number there ({type_name(builtin)}).")
    return float(value)


def _text(value: str, builtin: int) -> Any:
    if len(value) > MAX_TEXT:
        raise RequestRefused("range", f"A text to write has at most {MAX_TEXT} characters.")
    if builtin == _STRING:
        return ua.Variant(value, ua.VariantType.String)
    return ua.Variant(ua.LocalizedText(value), ua.VariantType.LocalizedText)
