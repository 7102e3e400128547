"""A listener's state is a value."""

from relay_bridge.transport.state import ListenerState


def test_a_state_is_compared_by_what_it_says():
    assert ListenerState("online", 5.0) == ListenerState("online", 5.0, "")
    assert ListenerState("offline", 5.0, "a") != ListenerState("offline", 5.0, "b")
