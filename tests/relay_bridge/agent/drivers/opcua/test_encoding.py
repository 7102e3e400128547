"""Values to write: each in the exact type of its node, and what does not fit is refused before it is sent."""

from __future__ import annotations

import math

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from relay_bridge.agent.drivers.opcua.acting import _bare
from relay_bridge.agent.drivers.opcua.encoding import encode
from relay_bridge.contract.errors import RequestRefused

NAMES = {
    name: getattr(ua.ObjectIds, name)
    for name in ("Boolean", "Float", "Double", "String", "LocalizedText", "Enumeration")
}
WIDTHS = {"SByte": -8, "Byte": 8, "Int16": -16, "UInt16": 16, "Int32": -32, "UInt32": 32, "Int64": -64, "UInt64": 64}
INTEGERS = [
    (name, -(2 ** (-bits - 1)) if bits < 0 else 0, 2 ** (-bits - 1) - 1 if bits < 0 else 2**bits - 1)
    for name, bits in {**WIDTHS, "Enumeration": -32}.items()
]


@pytest.mark.parametrize(("name", "low", "high"), INTEGERS)
def test_integers_fit_up_to_their_ends(name, low, high):
    builtin = getattr(ua.ObjectIds, name)
    for value in (low, high, 1, 1.0):
        variant = encode(value, builtin)
        assert (variant.Value, type(variant.Value)) == (value, int)
        assert variant.VariantType.name == ("Int32" if name == "Enumeration" else name)
    for value in (low - 1, high + 1, 1e300):
        with pytest.raises(RequestRefused) as refused:
            encode(value, builtin)
        assert refused.value.code == "range"
    for value in (True, "1", 1.5, None):
        with pytest.raises(RequestRefused) as refused:
            encode(value, builtin)
        assert refused.value.code == "type"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Boolean", 1, "type"),
        ("Double", True, "type"),
        ("Double", "1", "type"),
        ("Double", math.nan, "range"),
        ("Float", math.inf, "range"),
        ("Float", 3.5e38, "range"),
        ("Double", 2**53 + 1, "range"),
        ("String", 1, "type"),
        ("String", "x" * 1025, "range"),
    ],
)
def test_what_does_not_fit_is_refused(name, value, code):
    with pytest.raises(RequestRefused) as refused:
        encode(value, NAMES[name])
    assert refused.value.code == code


@pytest.mark.parametrize("builtin", [0, 13, 14, 15, 22, 24])
def test_kinds_that_nobody_writes_are_refused(builtin):
    with pytest.raises(RequestRefused, match="cannot be written from here"):
        encode(1.0, builtin)


@pytest.mark.parametrize(
    ("name", "value"), [("Boolean", False), ("Float", 0.1), ("Double", 7), ("String", ""), ("LocalizedText", "é")]
)
def test_what_fits_is_sent_without_status_and_times(name, value):
    variant = encode(value, NAMES[name])
    assert variant.VariantType.name == name
    wire = struct_to_binary(_bare(variant))
    assert wire[0] == 0x01  # the mask of a DataValue that holds a value alone (OPC 10000-6, 5.2.2.17)
