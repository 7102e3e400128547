"""A stream of live values as a calculation: who sends, what is pending, what was received.

Both hops (agent to web app, web app to phone) keep to the same rules:

* newest value per tag per tick; an unchanged reading is not sent;
* every push has the next sequence number; a receiver that sees a gap drops its state and asks for a snapshot;
* with ``MAX_UNANSWERED`` data pushes unanswered the sender only coalesces. Newest wins: an operator needs the
  level now, not its history. So a slow receiver costs one value per tag, never a queue.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay_bridge.contract.codec import parse_update_item, update_item
from relay_bridge.contract.messages import MAX_MESSAGE, Delta, Snapshot, UpdateItem
from relay_bridge.contract.readings import Reading

MAX_UNANSWERED = 2  # data pushes
# A push must fit in one message of 64 KiB. An item without text is at most 67 characters in JSON; a character of
# text at most 6 (an escaped control character).
_PUSH_BUDGET = MAX_MESSAGE - 1024  # characters of items in one push
_ITEM_COST = 68
_CHARACTER_COST = 6


class UpdateSender:
    """The sending end: put readings in at any time, take at most one push per tick out.

    ``add`` handles, ``put`` readings, then ``take(now)`` gives a ``Snapshot`` or ``Delta`` or ``None``.
    """

    def __init__(self) -> None:
        self._latest: dict[int, Reading] = {}
        self._changed: set[int] = set()
        self._known: set[int] = set()
        self._snapshot_due = False
        self._sent_n = 0
        self._answered_n = 0
        self._unanswered: list[int] = []

    def add(self, handles: Iterable[int]) -> None:
        """Handles that join the stream; the next push is a full snapshot."""
        self._known.update(handles)
        self._snapshot_due = True

    def remove(self, handles: Iterable[int]) -> None:
        for handle in handles:
            self._known.discard(handle)
            self._changed.discard(handle)
            self._latest.pop(handle, None)

    def put(self, handle: int, reading: Reading) -> None:
        if handle in self._known and self._latest.get(handle) != reading:
            self._latest[handle] = reading
            self._changed.add(handle)

    def resync(self) -> None:
        """The receiver lost its state: the next push is a full snapshot."""
        self._snapshot_due = True

    @property
    def blocked(self) -> bool:
        """True while the receiver has not answered the last pushes."""
        return len(self._unanswered) >= MAX_UNANSWERED

    @property
    def pending(self) -> bool:
        return self._snapshot_due or bool(self._changed)

    def acknowledge(self, n: int) -> None:
        """Take the receiver's credit; numbers that were never sent are ignored."""
        if n <= self._sent_n:
            self._unanswered = [sent for sent in self._unanswered if sent > n]

    def next_number(self) -> int:
        """The number of a push that carries no values (heartbeat, bye)."""
        self._sent_n += 1
        return self._sent_n

    def take(self, now: int) -> Snapshot | Delta | None:
        """The next data push at ``now`` (epoch ms), or ``None`` when nothing is due or credit is used up.

        What does not fit into one message stays pending: the rest of a long snapshot follows as deltas.
        """
        if self.blocked or not self.pending:
            return None
        if self._snapshot_due:
            handles: list[int] = sorted(handle for handle in self._known if handle in self._latest)
        else:
            handles = sorted(self._changed)
        handles, rest = self._fitting(handles)
        items: list[UpdateItem] = [update_item(handle, self._latest[handle], now) for handle in handles]
        number = self.next_number()
        push = Snapshot(n=number, t=now, d=items) if self._snapshot_due else Delta(n=number, t=now, d=items)
        self._snapshot_due = False
        self._changed = set(rest)
        self._unanswered.append(number)
        return push

    def _fitting(self, handles: list[int]) -> tuple[list[int], list[int]]:
        """The handles whose items surely fit into one message, and the others."""
        room = _PUSH_BUDGET
        for place, handle in enumerate(handles):
            value = self._latest[handle].value
            room -= _ITEM_COST + (_CHARACTER_COST * len(value) if isinstance(value, str) else 0)
            if room < 0:
                return handles[:place], handles[place:]
        return handles, []


class Gap(Exception):  # noqa: N818 - an event, not a fault: the receiver starts again by the same path as starting
    """A push is missing: drop the state and ask for a snapshot."""


class UpdateReceiver:
    """The receiving end: checks the sequence and turns items into readings by handle."""

    def __init__(self) -> None:
        self._next: int | None = None

    def expect(self, n: int) -> None:
        """Check the number of any push; raises ``Gap`` when one is missing."""
        if self._next is not None and n != self._next:
            raise Gap(f"push {n} came where {self._next} was due")
        self._next = n + 1

    def receive(self, push: Snapshot | Delta) -> list[tuple[int, Reading]]:
        self.expect(push.n)
        return [parse_update_item(item, push.t) for item in push.d]
