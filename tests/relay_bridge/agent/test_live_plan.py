"""What a stream sends next, with literals and no clock."""

from __future__ import annotations

import pytest

from relay_bridge.agent.live_plan import BACKGROUND_HEARTBEAT, GATHER, LivePlan
from relay_bridge.contract.messages import Bye, Delta, Heartbeat, Push, Snapshot, SourceState
from relay_bridge.contract.readings import Reading

OK = {"main": SourceState(0, 5, "")}
DOWN = {"main": SourceState(2, 6, "silent")}
T = 1_795_370_000_000
LEASE = 30.0


def reading(value: float) -> Reading:
    return Reading(value, T)


def take(plan: LivePlan, now: float, lease: float = LEASE) -> Push | None:
    return plan.take(now, T + int(now * 1000), lease, OK)


def opened(rate_ms: int = 1000) -> LivePlan:
    """A plan at 0 s with one tag, its snapshot sent and answered."""
    plan = LivePlan(0.0)
    plan.subscribe([(1, reading(1.0))], rate_ms, 0.0)
    assert plan.due(0.0, LEASE) == 0.0
    assert isinstance(take(plan, 0.0), Snapshot)
    plan.acknowledge(1)
    return plan


def test_silent_stream_beats_every_second() -> None:
    plan = LivePlan(10.0)
    assert plan.due(10.0, 0.0) == 1.0
    assert take(plan, 10.9) is None
    beat = take(plan, 11.0)
    assert isinstance(beat, Heartbeat) and beat.src == OK and beat.n == 1
    assert plan.due(11.0, 0.0) == 1.0


def test_snapshot_goes_at_once_and_values_a_tick_later() -> None:
    plan = opened()
    plan.put(1, reading(2.0))
    plan.due(0.0, LEASE)
    assert take(plan, 0.1) is None
    # The first values after a snapshot need not wait for a whole tick.
    first = take(plan, 0.25)
    assert isinstance(first, Delta) and first.d == [[1, 2.0, -250]]
    plan.acknowledge(first.n)
    plan.put(1, reading(3.0))
    assert plan.due(0.3, LEASE) == pytest.approx(0.95)
    assert isinstance(take(plan, 1.25), Delta)


def test_newest_value_wins_within_a_tick() -> None:
    plan = opened()
    for value in (2.0, 3.0, 4.0):
        plan.put(1, reading(value))
    plan.due(0.0, LEASE)
    push = take(plan, 0.5)
    assert isinstance(push, Delta) and push.d == [[1, 4.0, -500]]


def test_readings_of_one_notification_leave_together() -> None:
    plan = LivePlan(0.0)
    plan.subscribe([(1, reading(1.0)), (2, reading(1.0))], 250, 0.0)
    take(plan, 0.0)
    plan.acknowledge(1)
    plan.put(1, reading(2.0))
    assert plan.due(0.9, LEASE) == pytest.approx(GATHER)
    plan.put(2, reading(2.0))
    push = take(plan, 0.9 + GATHER)
    assert isinstance(push, Delta) and len(push.d) == 2


def test_only_the_first_waiting_reading_wakes_the_sender() -> None:
    plan = opened()
    assert plan.put(1, reading(2.0)) is True
    assert plan.put(1, reading(3.0)) is False


def test_source_state_goes_before_everything_and_without_credit() -> None:
    plan = LivePlan(0.0)
    plan.subscribe([(1, reading(1.0))], 250, 0.0)
    plan.source_changed()
    assert plan.due(0.0, LEASE) == 0.0
    assert isinstance(take(plan, 0.0), Heartbeat)
    assert isinstance(take(plan, 0.0), Snapshot)


def test_without_credit_values_wait_and_heartbeats_do_not() -> None:
    plan = LivePlan(0.0)
    plan.subscribe([(1, reading(1.0))], 250, 0.0)
    take(plan, 0.0)
    plan.put(1, reading(2.0))
    plan.due(0.0, LEASE)
    second = take(plan, 0.3)
    assert isinstance(second, Delta)
    plan.put(1, reading(3.0))
    assert plan.due(0.4, LEASE) > 0.8  # nothing but the heartbeat is due
    assert take(plan, 1.0) is None
    assert isinstance(take(plan, 1.3), Heartbeat)
    plan.acknowledge(second.n)
    plan.due(1.3, LEASE)
    third = take(plan, 1.4)
    assert isinstance(third, Delta) and third.d[0][1] == 3.0


def test_lost_lease_ends_values_with_one_bye() -> None:
    plan = opened()
    plan.put(1, reading(2.0))
    assert plan.due(0.1, 0.05) == pytest.approx(0.05)
    bye = take(plan, 0.5, lease=0.0)
    assert isinstance(bye, Bye) and bye.why == "lease" and bye.n == 2
    assert not plan.is_open
    assert take(plan, 0.6, lease=0.0) is None
    assert isinstance(take(plan, 1.6, lease=0.0), Heartbeat)


def test_stream_can_be_opened_again_and_counts_on() -> None:
    plan = opened()
    take(plan, 0.5, lease=0.0)
    plan.unsubscribe([1], any_left=False)
    plan.subscribe([(1, reading(5.0))], 1000, 2.0)
    push = take(plan, 2.0)
    assert isinstance(push, Snapshot) and push.n == 3 and push.d[0][1] == 5.0


def test_unsubscribing_everything_closes_the_stream_without_a_bye() -> None:
    plan = opened()
    plan.unsubscribe([1], any_left=False)
    assert not plan.is_open
    assert take(plan, 0.5, lease=0.0) is None


def test_joining_tags_bring_a_full_snapshot_of_all() -> None:
    plan = opened()
    plan.subscribe([(2, reading(7.0))], 1000, 0.5)
    push = take(plan, 0.5)
    assert isinstance(push, Snapshot) and [item[0] for item in push.d] == [1, 2]


def test_rate_sets_the_tick_and_background_slows_the_heartbeat() -> None:
    plan = opened()
    plan.set_rate(5000, background=True)
    assert plan.due(0.0, 1e9) == BACKGROUND_HEARTBEAT
    plan.set_rate(250, background=False)
    assert plan.due(0.0, 1e9) == 1.0


def test_long_snapshot_goes_on_at_once_in_deltas() -> None:
    plan = LivePlan(0.0)
    plan.subscribe([(handle, reading(1.0)) for handle in range(1, 1501)], 1000, 0.0)
    first = take(plan, 0.0)
    assert plan.due(0.0, LEASE) == 0.0
    second = take(plan, 0.0)
    assert isinstance(first, Snapshot) and isinstance(second, Delta)
    assert len(first.d) + len(second.d) == 1500


def test_values_of_a_source_that_is_back_go_before_the_word_that_it_is_back() -> None:
    """Under the good news alone, the values from before the outage would look fresh for up to a tick."""
    plan = opened()
    plan.source_changed()
    beat = plan.take(0.1, T + 100, LEASE, DOWN)
    assert isinstance(beat, Heartbeat) and beat.src == DOWN
    plan.put(1, reading(2.0))
    plan.source_changed()
    assert plan.due(0.2, LEASE) == 0.0
    assert isinstance(take(plan, 0.2), Delta)
    back = take(plan, 0.2)
    assert isinstance(back, Heartbeat) and back.src == OK


def blocked_and_down() -> LivePlan:
    """A plan without credit, whose receiver knows that the source is down, and with a value waiting."""
    plan = opened()
    for at in (0.3, 1.35):
        plan.put(1, reading(at))
        plan.due(at - 0.1, LEASE)
        assert isinstance(take(plan, at), Delta)
    plan.source_changed()
    told = plan.take(1.5, T, LEASE, DOWN)
    assert isinstance(told, Heartbeat) and told.src == DOWN
    plan.put(1, reading(9.0))
    return plan


def test_word_that_a_source_is_back_waits_for_credit_with_its_values() -> None:
    """A receiver that answers late must not take what it has for the present; its heartbeats go on meanwhile."""
    plan = blocked_and_down()
    plan.source_changed()
    assert take(plan, 1.6) is None
    assert plan.due(1.6, LEASE) == pytest.approx(0.9)  # the heartbeat, and no turning round meanwhile
    beat = take(plan, 2.5)
    assert isinstance(beat, Heartbeat) and beat.src == DOWN
    plan.acknowledge(beat.n)
    assert plan.due(2.6, LEASE) == 0.0
    values = take(plan, 2.6)
    assert isinstance(values, Delta) and values.d[0][1] == 9.0
    back = take(plan, 2.6)
    assert isinstance(back, Heartbeat) and back.src == OK
    assert plan.due(2.6, LEASE) == 1.0


def test_that_a_source_failed_waits_for_nothing_though_another_is_back() -> None:
    plan = opened()
    before = {"main": SourceState(2, 6, "silent"), "other": SourceState(0, 5, "")}
    plan.source_changed()
    plan.take(0.1, T, LEASE, before)
    plan.put(1, reading(2.0))
    plan.source_changed()
    after = {"main": SourceState(0, 9, ""), "other": SourceState(2, 9, "silent")}
    first = plan.take(0.2, T, LEASE, after)
    assert isinstance(first, Heartbeat) and first.src == {"main": before["main"], "other": after["other"]}
    assert plan.due(0.2, LEASE) == 0.0
    assert isinstance(plan.take(0.2, T, LEASE, after), Delta)
    last = plan.take(0.2, T, LEASE, after)
    assert isinstance(last, Heartbeat) and last.src == after


def test_source_that_is_back_before_the_first_heartbeat_waits_for_its_values() -> None:
    """What the receiver was told by the answer to its hello counts."""
    plan = LivePlan(0.0)
    plan.states_told(DOWN)
    plan.subscribe([(1, reading(1.0))], 1000, 0.0)
    assert isinstance(plan.take(0.0, T, LEASE, DOWN), Snapshot)
    plan.acknowledge(1)
    plan.put(1, reading(2.0))
    plan.source_changed()
    assert isinstance(take(plan, 0.1), Delta)
    assert isinstance(take(plan, 0.1), Heartbeat)


def test_source_that_is_back_and_fails_again_unheard_is_told_once() -> None:
    plan = blocked_and_down()
    plan.source_changed()
    assert take(plan, 1.6) is None
    again = {"main": SourceState(2, 8, "silent again")}
    plan.source_changed()
    told = plan.take(1.7, T, LEASE, again)
    assert isinstance(told, Heartbeat) and told.src == again


def test_unsubscribed_stream_tells_that_a_source_is_back_at_once() -> None:
    plan = blocked_and_down()
    plan.unsubscribe([1], any_left=False)
    plan.source_changed()
    told = take(plan, 1.6)
    assert isinstance(told, Heartbeat) and told.src == OK
