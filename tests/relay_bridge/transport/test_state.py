"""A listener's state is a value."""

from relay_bridge.transport.state import ListenerState, StateKeeper


def test_a_state_is_compared_by_what_it_says():
    assert ListenerState("online", 5.0) == ListenerState("online", 5.0, "")
    assert ListenerState("offline", 5.0, "a") != ListenerState("offline", 5.0, "b")


def test_since_is_the_latest_change_of_the_status():
    now, seen = [100.0], []
    keeper = StateKeeper("place", lambda: now[0], seen.append)
    for moment, status, reason in [
        (101.0, "offline", "a"), (102.0, "offline", "b"), (103.0, "offline", "b"), (104.0, "online", "")
    ]:  # fmt: skip
        now[0] = moment
        keeper.set(status, reason)
    assert seen == [
        ListenerState("offline", 101.0, "a"), ListenerState("offline", 101.0, "b"), ListenerState("online", 104.0)
    ]  # fmt: skip
    assert keeper.online.is_set()
    keeper.set("connecting", "c")
    assert not keeper.online.is_set()
