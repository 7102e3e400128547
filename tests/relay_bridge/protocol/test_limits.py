"""Limits hold together."""

from relay_bridge.protocol import limits


def test_a_ping_is_sent_long_before_the_idle_death():
    assert limits.IDLE_DEATH < limits.CLOCK_GRACE < limits.DEFAULT_TOKEN_LIFE


def test_the_documented_numbers():
    assert (limits.ACCEPT_DEADLINE, limits.MAX_LISTENERS, limits.MAX_CONTROL_MESSAGE) == (30.0, 25, 65_536)
