"""The order of a rotation: at every moment the holder's key is good, and at the end the old one is not."""

from __future__ import annotations

import pytest

from relay_bridge.management import RelayManagement, RotationError, prepare_key, retire_key, rotate
from relay_bridge.management.keys import Which
from relay_bridge.protocol.connection_string import ConnectionString


def good(management: RelayManagement, key: str | None) -> bool:
    return management.get_rule_keys("north", "send").which_is(key or "") is not None


@pytest.mark.parametrize("in_use", ["primary", "secondary"])
def test_both_keys_are_new_and_the_holder_never_stood_without(management: RelayManagement, in_use: Which) -> None:
    before = management.create_conduit("north").send
    used = before.get(in_use).key
    handed: list[ConnectionString] = []

    def hand_over(connection: ConnectionString) -> None:
        handed.append(connection)
        assert good(management, used) and good(management, connection.key)

    fresh = rotate(management, "north", "send", used or "", hand_over)
    assert handed == [fresh]
    after = management.get_rule_keys("north", "send")
    assert good(management, fresh.key)
    assert not {before.primary.key, before.secondary.key} & {after.primary.key, after.secondary.key}


def test_holder_that_fails_keeps_the_old_key(management: RelayManagement) -> None:
    used = management.create_conduit("north").send.primary.key

    def hand_over(_: ConnectionString) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        rotate(management, "north", "send", used or "", hand_over)
    assert good(management, used)


def test_key_that_is_none_of_the_two_is_not_guessed_about(management: RelayManagement) -> None:
    before = management.create_conduit("north").send
    with pytest.raises(RotationError, match="somebody else"):
        rotate(management, "north", "send", "dW5rbm93bg==", lambda _: None)
    assert management.get_rule_keys("north", "send") == before
    fresh = rotate(management, "north", "send", "dW5rbm93bg==", lambda _: None, repair=True)
    assert good(management, fresh.key)
    assert not good(management, before.secondary.key)


def test_steps_by_hand(management: RelayManagement) -> None:
    before = management.create_conduit("north").listen
    fresh = prepare_key(management, "north", "listen", "primary")
    assert management.get_rule_keys("north", "listen").primary == before.primary
    after = retire_key(management, "north", "listen", "secondary")
    assert after.secondary == fresh
    assert after.primary.key != before.primary.key
