"""Frames for one phone: contiguous numbers, newest values, nothing queued."""

from __future__ import annotations

import json

from hmi.live.outbox import SNAPSHOT_SPACING, STUCK_LIMIT, Outbox


class Page:
    """A view whose bodies say what they were made of."""

    def __init__(self) -> None:
        self.layout = self.revision = self.state = self.beat = self.slow_beat = 0
        self.trustworthy = True

    def snapshot_body(self) -> str:
        return f'"s":{self.revision}}}'

    def delta_body(self, since: int) -> str:
        return f'"from":{since},"to":{self.revision}}}'

    def state_body(self) -> str:
        return f'"state":{self.state}}}'


class Reader:
    """A phone that reads at a given moment."""

    def __init__(self) -> None:
        self.page, self.outbox, self.now = Page(), Outbox(), 1000.0

    def take(self) -> dict | None:
        frame = self.outbox.take(self.page, self.now)
        return None if frame is None else json.loads(frame)

    def changes(self, times: int = 1) -> None:
        self.page.revision += times


def test_first_frame_is_a_snapshot_then_only_changes() -> None:
    reader = Reader()
    assert reader.take() == {"k": "s", "n": 1, "s": 0}
    assert reader.take() is None
    reader.changes()
    assert reader.take() == {"k": "d", "n": 2, "from": 0, "to": 1}
    assert reader.take() is None


def test_phone_that_does_not_answer_gets_one_delta_of_everything_it_missed() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    for _ in range(50):
        reader.changes()
        assert reader.take() is None
    assert reader.outbox.blocked
    reader.outbox.acknowledge(2)
    assert reader.take() == {"k": "d", "n": 3, "from": 1, "to": 51}


def test_answer_to_what_was_never_sent_says_nothing() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    reader.outbox.acknowledge(99)
    assert reader.outbox.blocked
    reader.outbox.acknowledge(1)
    assert not reader.outbox.blocked


def test_silent_link_is_told_even_to_a_phone_without_credit() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    reader.page.state, reader.page.trustworthy = 1, False
    assert reader.take() == {"k": "h", "n": 3, "state": 1}
    assert reader.take() is None


def test_that_the_link_is_up_again_comes_with_all_values_and_not_before() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()  # no credit left
    reader.page.layout = reader.page.state = 1
    assert reader.take() is None
    reader.outbox.acknowledge(2)
    assert reader.take()["k"] == "s"
    assert reader.take() is None


def test_heartbeat_only_when_nothing_else_was_said() -> None:
    reader = Reader()
    reader.take()
    reader.page.beat = 1
    assert reader.take() == {"k": "h", "n": 2, "state": 0}
    assert reader.take() is None
    reader.changes()
    reader.page.beat = 2
    assert reader.take()["k"] == "d"
    assert reader.take() is None


def test_no_plain_heartbeat_without_credit_so_the_phone_goes_stale_by_itself() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    reader.page.beat = 1
    assert reader.take() is None


def test_phone_that_asks_gets_a_snapshot_but_not_many_a_second() -> None:
    reader = Reader()
    reader.take()
    reader.outbox.resync()
    assert reader.take() is None
    assert reader.outbox.wait_for_snapshot(reader.now) == SNAPSHOT_SPACING
    reader.now += SNAPSHOT_SPACING
    assert reader.take() == {"k": "s", "n": 2, "s": 0}


def test_asking_again_forgets_the_answers_that_were_due() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    reader.outbox.resync()
    reader.now += SNAPSHOT_SPACING
    assert reader.take()["k"] == "s"


def test_new_layout_means_a_snapshot_at_once() -> None:
    reader = Reader()
    reader.take()
    reader.page.layout = 1
    assert reader.take()["k"] == "s"


def test_page_in_the_background_gets_slow_heartbeats_and_a_snapshot_on_return() -> None:
    reader = Reader()
    reader.take()
    reader.outbox.set_background(True)
    assert reader.take()["k"] == "h"
    reader.changes()
    reader.page.beat, reader.page.state = 5, 5
    assert reader.take() is None
    reader.page.slow_beat = 1
    assert reader.take() == {"k": "h", "n": 3, "state": 5}
    reader.now += 60
    reader.outbox.set_background(False)
    assert reader.take() == {"k": "s", "n": 4, "s": 1}


def test_page_that_opens_in_the_background_hears_something_too() -> None:
    reader = Reader()
    reader.outbox.set_background(True)
    assert reader.take() == {"k": "h", "n": 1, "state": 0}


def test_phone_that_answers_nothing_is_stuck_after_a_while_in_front_only() -> None:
    reader = Reader()
    reader.take()
    reader.changes()
    reader.take()
    assert not reader.outbox.stuck(reader.now + STUCK_LIMIT - 1)
    assert reader.outbox.stuck(reader.now + STUCK_LIMIT)
    reader.outbox.set_background(True)
    assert not reader.outbox.stuck(reader.now + STUCK_LIMIT)


def test_farewell_is_numbered_too() -> None:
    reader = Reader()
    reader.take()
    assert json.loads(reader.outbox.farewell('"It is over."')) == {"k": "bye", "n": 2, "why": "It is over."}
