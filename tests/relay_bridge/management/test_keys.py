"""Which of two keys is which, and that none is shown."""

from __future__ import annotations

from relay_bridge.management.keys import ConduitKeys, RuleKeys, other
from relay_bridge.protocol.connection_string import parse_connection_string

TEXT = "Endpoint=sb://relay.example.com/;EntityPath=north;SharedAccessKeyName=send;SharedAccessKey="
KEYS = RuleKeys("send", parse_connection_string(TEXT + "Zmlyc3Q="), parse_connection_string(TEXT + "c2Vjb25k"))


def test_a_key_is_found_among_the_two() -> None:
    assert KEYS.which_is("Zmlyc3Q=") == "primary"
    assert KEYS.which_is("c2Vjb25k") == "secondary"
    assert KEYS.which_is("") is None
    assert KEYS.which_is("dGhpcmQ=") is None
    assert KEYS.get("secondary").key == "c2Vjb25k"
    assert (other("primary"), other("secondary")) == ("secondary", "primary")


def test_no_key_is_shown() -> None:
    shown = repr(KEYS) + repr(ConduitKeys("north", KEYS, KEYS))
    assert "Zmlyc3Q=" not in shown and "c2Vjb25k" not in shown
