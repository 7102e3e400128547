"""A session's stream as a calculation."""

from __future__ import annotations

import pytest

from hmi.ingest.agent_clock import SAMPLES, AgentClock
from hmi.ingest.tag_stream import FIRST_VALUES, TagStream
from relay_bridge.contract.messages import Delta, Heartbeat, Snapshot, SubAnswer
from relay_bridge.contract.readings import (
    BAD_NODE_ID_UNKNOWN,
    BAD_NOT_SUPPORTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    Reading,
)
from relay_bridge.contract.update_stream import Gap

NOW, T = 50.0, 1_795_370_000_000


def test_values_that_come_before_the_answer_are_not_lost() -> None:
    stream = TagStream()
    assert stream.receive(Snapshot(n=1, t=T, d=[[3, 12.5], [4, 1.0]])) == {}
    found = stream.subscribed(SubAnswer(h={"TK-101.level": 3}), NOW, T)
    assert found == {"TK-101.level": Reading(12.5, T)}
    assert stream.receive(Delta(n=2, t=T, d=[[3, 12.6]])) == {"TK-101.level": Reading(12.6, T)}


def test_a_gap_is_an_event() -> None:
    stream = TagStream()
    stream.receive(Heartbeat(n=1, t=T, src={}))
    with pytest.raises(Gap):
        stream.receive(Delta(n=3, t=T, d=[]))


def test_current_only_when_everything_wanted_was_heard_of() -> None:
    stream = TagStream()
    assert not stream.settle({"A", "B"})
    stream.subscribed(SubAnswer(h={"A": 1, "B": 2}), NOW, T)
    assert not stream.settle({"A", "B"})
    stream.receive(Snapshot(n=1, t=T, d=[[1, 1.0]]))
    assert not stream.settle({"A", "B"})
    stream.receive(Delta(n=2, t=T, d=[[2, None, 0, BAD_WAITING_FOR_INITIAL_DATA]]))
    assert stream.settle({"A", "B"})
    assert not stream.settle({"A", "B"})  # once
    assert stream.current


def test_what_never_comes_reads_as_waiting() -> None:
    stream = TagStream()
    stream.subscribed(SubAnswer(h={"A": 1}), NOW, T)
    assert stream.unheard_due() == NOW + FIRST_VALUES
    assert stream.give_up_waiting(NOW, T) == {}
    assert stream.give_up_waiting(NOW + FIRST_VALUES, T) == {"A": Reading(None, T, BAD_WAITING_FOR_INITIAL_DATA)}
    assert stream.settle({"A"})


def test_what_cannot_be_had_says_so() -> None:
    stream = TagStream()
    found = stream.subscribed(SubAnswer(h={}, bad={"A": BAD_NODE_ID_UNKNOWN}), NOW, T)
    assert found == {"A": Reading(None, T, BAD_NODE_ID_UNKNOWN)}
    assert stream.refused(["B"], T) == {"B": Reading(None, T, BAD_NOT_SUPPORTED)}
    assert stream.missing({"A", "B", "C"}) == ["C"]
    assert stream.tags == {"A", "B"}


def test_dropped_tags_are_wanted_anew() -> None:
    stream = TagStream()
    stream.subscribed(SubAnswer(h={"A": 1, "B": 2}), NOW, T)
    assert stream.surplus({"B"}) == ["A"]
    stream.dropped(["A"])
    assert stream.missing({"A", "B"}) == ["A"]
    assert stream.receive(Snapshot(n=1, t=T, d=[[1, 9.0], [2, 1.0]])) == {"B": Reading(1.0, T)}


def test_what_was_still_on_its_way_when_a_tag_was_dropped_is_not_taken_for_new_later() -> None:
    stream = TagStream()
    stream.subscribed(SubAnswer(h={"A": 1}), NOW, T)
    stream.dropped(["A"])
    stream.receive(Delta(n=1, t=T, d=[[1, 1.0]]))
    stream.subscribing()
    assert stream.subscribed(SubAnswer(h={"A": 1}), NOW, T) == {}


def test_agents_clock_is_told_from_the_fastest_push() -> None:
    clock = AgentClock()
    assert clock.agent_time(1000) == 1000
    for delay in (40, 5, 300):
        clock.heard(agent_time=61_000, own_time=1_000 + delay)
    assert clock.offset == 59_995
    for _ in range(SAMPLES):  # the site's clock was set right
        clock.heard(agent_time=1_000, own_time=1_005)
    assert clock.offset == -5
    clock.forget()
    assert clock.offset == 0
