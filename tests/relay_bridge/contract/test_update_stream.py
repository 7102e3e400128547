"""Two ends of a stream back to back: whatever happens between them, the receiver ends up with the truth."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay_bridge.contract.codec import decode_from_agent, encode
from relay_bridge.contract.messages import MAX_MESSAGE, Delta, Snapshot
from relay_bridge.contract.readings import MAX_TEXT, Reading
from relay_bridge.contract.update_stream import MAX_UNANSWERED, Gap, UpdateReceiver, UpdateSender

T = 1_795_370_000_000


def through_the_wire(push: Snapshot | Delta) -> Snapshot | Delta:
    received = decode_from_agent(encode(push))
    assert isinstance(received, Snapshot | Delta)
    return received


def test_snapshot_first_then_only_what_changed() -> None:
    sender = UpdateSender()
    sender.add([1, 2])
    sender.put(1, Reading(1.0, T))
    sender.put(2, Reading(2.0, T))
    first = sender.take(T)
    assert isinstance(first, Snapshot) and first.d == [[1, 1.0], [2, 2.0]]
    assert sender.take(T) is None
    sender.put(2, Reading(3.0, T + 5))
    second = sender.take(T + 10)
    assert isinstance(second, Delta) and (second.n, second.d) == (first.n + 1, [[2, 3.0, -5]])


def test_unchanged_reading_is_not_sent() -> None:
    sender = UpdateSender()
    sender.add([1])
    sender.put(1, Reading(1.0, T))
    sender.take(T)
    sender.put(1, Reading(1.0, T))
    assert not sender.pending and sender.take(T) is None


def test_quality_alone_is_a_change() -> None:
    sender = UpdateSender()
    sender.add([1])
    sender.put(1, Reading(1.0, T))
    sender.take(T)
    sender.put(1, Reading(1.0, T, 0x80000000))
    push = sender.take(T)
    assert push is not None and push.d == [[1, 1.0, 0, 0x80000000]]


def test_two_unanswered_pushes_block_and_credit_opens() -> None:
    sender = UpdateSender()
    sender.add([1])
    for number in range(MAX_UNANSWERED):
        sender.put(1, Reading(float(number), T))
        assert sender.take(T) is not None
    for value in range(10, 20):
        sender.put(1, Reading(float(value), T))
    assert sender.blocked and sender.take(T) is None
    sender.acknowledge(1)
    push = sender.take(T)
    assert push is not None and push.d == [[1, 19.0]]  # newest wins


def test_credit_for_what_was_never_sent_is_ignored() -> None:
    sender = UpdateSender()
    sender.add([1])
    for value in (1.0, 2.0):
        sender.put(1, Reading(value, T))
        sender.take(T)
    sender.acknowledge(99)
    assert sender.blocked


def test_unknown_and_removed_handles_are_not_sent() -> None:
    sender = UpdateSender()
    sender.add([1, 2])
    sender.put(3, Reading(1.0, T))
    sender.put(1, Reading(1.0, T))
    sender.put(2, Reading(1.0, T))
    sender.remove([2])
    push = sender.take(T)
    assert push is not None and push.d == [[1, 1.0]]


def test_gap_is_noticed_whatever_kind_of_push_is_missing() -> None:
    receiver = UpdateReceiver()
    receiver.expect(5)
    receiver.expect(6)
    with pytest.raises(Gap):
        receiver.expect(8)


@pytest.mark.parametrize("value", [123456.789, "\x00" * MAX_TEXT, "é" * MAX_TEXT, None])
@pytest.mark.parametrize("count", [1, 200, 2000])
def test_every_push_fits_and_nothing_is_left_out(value: float | str | None, count: int) -> None:
    sender, receiver = UpdateSender(), UpdateReceiver()
    handles = range(10**9, 10**9 + count)
    sender.add(handles)
    for handle in handles:
        sender.put(handle, Reading(value, T - 86_400_000, 0xFFFFFFFF))
    state: dict[int, Reading] = {}
    pushes = 0
    while (push := sender.take(T)) is not None:
        assert len(encode(push)) <= MAX_MESSAGE
        assert isinstance(push, Snapshot) == (pushes == 0)
        state.update(receiver.receive(through_the_wire(push)))
        sender.acknowledge(push.n)
        pushes += 1
    assert state == {handle: Reading(value, T - 86_400_000, 0xFFFFFFFF) for handle in handles}


class TwoEnds(RuleBasedStateMachine):
    """A sender, a wire that may lose everything in flight (a new session), a receiver that answers when it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = UpdateSender()
        self.receiver = UpdateReceiver()
        self.truth: dict[int, Reading] = {}
        self.seen: dict[int, Reading] = {}
        self.known: set[int] = set()
        self.wire: list[object] = []
        self.to_answer: list[int] = []
        self.now = T

    @rule(handle=st.integers(1, 6))
    def add(self, handle: int) -> None:
        self.sender.add([handle])
        self.known.add(handle)

    @rule(handle=st.integers(1, 6))
    def remove(self, handle: int) -> None:
        self.sender.remove([handle])
        self.known.discard(handle)
        self.truth.pop(handle, None)

    @rule(
        handle=st.integers(1, 6),
        value=st.one_of(st.none(), st.booleans(), st.floats(-1e6, 1e6), st.text(max_size=5)),
        quality=st.sampled_from([0, 0x40000000, 0x80000000]),
    )
    def put(self, handle: int, value: float | str | None, quality: int) -> None:
        reading = Reading(value, self.now, quality)
        self.sender.put(handle, reading)
        if handle in self.known:
            self.truth[handle] = reading

    @rule(ms=st.integers(0, 5000))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule()
    def take(self) -> None:
        push = self.sender.take(self.now)
        if push is not None:
            self.wire.append(through_the_wire(push))

    @rule()
    def heartbeat(self) -> None:
        self.wire.append(self.sender.next_number())

    @precondition(lambda self: self.wire)
    @rule()
    def deliver(self) -> None:
        self._deliver(self.wire.pop(0))

    def _deliver(self, push: object) -> None:
        try:
            if isinstance(push, int):
                self.receiver.expect(push)
                return
            assert isinstance(push, Snapshot | Delta)
            readings = self.receiver.receive(push)
        except Gap:
            self._start_again()
            return
        if isinstance(push, Snapshot):
            self.seen = {}
        self.seen.update(readings)
        self.to_answer.append(push.n)

    @precondition(lambda self: self.to_answer)
    @rule()
    def answer(self) -> None:
        self.sender.acknowledge(self.to_answer.pop(0))

    @precondition(lambda self: len(self.wire) > 1)
    @rule()
    def lose_one(self) -> None:
        lost = self.wire.pop(0)
        if not isinstance(lost, int):
            self.to_answer.append(lost.n)  # type: ignore[attr-defined]  # a lost push must not block for ever

    def _start_again(self) -> None:
        self.receiver = UpdateReceiver()
        self.seen = {}
        self.wire.clear()
        self.sender.resync()
        self.sender.acknowledge(self.sender.next_number())

    @invariant()
    def no_more_than_two_unanswered(self) -> None:
        assert len([push for push in self.wire if not isinstance(push, int)]) <= MAX_UNANSWERED

    def teardown(self) -> None:
        """When all is quiet, the receiver has exactly the truth."""
        self.sender.resync()
        for _ in range(10):
            while self.wire:
                self._deliver(self.wire.pop(0))
            while self.to_answer:
                self.sender.acknowledge(self.to_answer.pop(0))
            self.take()
        assert {handle: self.seen[handle] for handle in self.truth} == self.truth
        assert set(self.seen) == set(self.truth)


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
