"""Unit, range and decimals: the configuration first, then the server, and no nonsense from either."""

from __future__ import annotations

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.descriptions import describe
from tests.relay_bridge.agent.drivers.opcua.support import tag


def said(low=0.0, high=16.0, unit="m", precision=3.0):
    return {
        "EURange": ua.Range(low, high),
        "EngineeringUnits": ua.EUInformation(DisplayName=ua.LocalizedText(unit)),
        "ValuePrecision": precision,
    }


def test_the_server_is_believed_where_nothing_is_configured():
    row = describe(tag("TK-101.Level"), "main", said())
    assert (row.unit, row.lo, row.hi, row.dec, row.source) == ("m", 0.0, 16.0, 3, "main")


def test_the_configuration_wins():
    row = describe(tag("TK-101.Level", unit="mm", decimals=0, range=(0.0, 15000.0)), "main", said())
    assert (row.unit, row.lo, row.hi, row.dec) == ("mm", 0.0, 15000.0, 0)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (5.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))])
def test_a_range_that_is_none_is_left_out(low, high):
    row = describe(tag("TK-101.Level"), "main", said(low, high))
    assert (row.lo, row.hi) == (None, None)


def test_long_units_wild_precisions_and_missing_facts_do_no_harm():
    row = describe(tag("TK-101.Level"), "main", said(unit=" cubic metres per fortnight ", precision=99.0))
    assert (row.unit, row.dec) == ("cubic metres per for", 1)
    bare = describe(tag("TK-101.Level"), "main", {})
    assert (bare.unit, bare.lo, bare.dec) == ("", None, 1)
