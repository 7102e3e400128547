"""Switches for what is uncertain about the service."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.behaviour import Behaviour, BehaviourError, parse_behaviour


def test_defaults_are_the_documented_direction() -> None:
    assert parse_behaviour({}) == Behaviour()
    assert (Behaviour().no_listener_status, Behaviour().wrong_right_status, Behaviour().token_margin) == (502, 403, 0.0)


def test_each_switch_can_be_set() -> None:
    chosen = parse_behaviour({"no_listener_status": 503, "forward_host": False, "token_margin": 60})
    assert (chosen.no_listener_status, chosen.forward_host, chosen.token_margin) == (503, False, 60)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"colour": 1}, "unknown key 'colour' in behaviour; known are "),
        ({"no_listener_status": True}, "no_listener_status must be an HTTP status from 200 to 599"),
        ({"no_listener_status": 199}, "no_listener_status must be"),
        ({"no_listener_status": "502"}, "no_listener_status must be"),
        ({"forward_host": 1}, "forward_host must be true or false"),
        ({"token_margin": -1}, "token_margin must be a number of seconds from 0 to 3600"),
        ({"token_margin": float("nan")}, "token_margin must be"),
    ],
)
def test_what_cannot_be_is_one_sentence(table: dict[str, object], sentence: str) -> None:
    with pytest.raises(BehaviourError) as caught:
        parse_behaviour(table)
    assert str(caught.value).startswith(sentence)
