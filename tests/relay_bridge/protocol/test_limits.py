"""Limits hold together."""

from relay_bridge.protocol import limits


def test_a_ping_is_sent_long_before_the_idle_death():
    assert limits.IDLE_DEATH < limits.CLOCK_GRACE < limits.DEFAULT_TOKEN_LIFE


def test_the_service_waits_longer_for_a_response_than_a_listener_for_a_rendezvous():
    assert limits.ACCEPT_DEADLINE < limits.RESPONSE_DEADLINE == limits.RESPONSE_IDLE == 60.0


def test_a_body_of_the_control_channel_fits_beside_its_headers():
    assert limits.MAX_CONTROL_HEADERS < limits.MAX_CONTROL_MESSAGE < limits.MAX_RENDEZVOUS_TEXT
    assert limits.MAX_CONTROL_BODY == 65_536


def test_the_documented_numbers():
    assert (limits.MAX_CONNECTIONS, limits.MAX_RULES, limits.RECYCLE_PERIOD) == (5_000, 12, 86_400.0)
    assert (limits.ACCEPT_DEADLINE, limits.MAX_LISTENERS, limits.MAX_CONTROL_MESSAGE) == (30.0, 25, 65_536)
