"""The stream of one session as a calculation: handles, what is subscribed, what was heard of. No sockets, no tasks.

``current`` turns true when every wanted tag was heard of in this very session. Only then are the newest values the
present: after an outage the first heartbeat may come before the first values.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from relay_bridge.contract.messages import Delta, Push, Snapshot, SubAnswer
from relay_bridge.contract.readings import BAD_NOT_SUPPORTED, BAD_WAITING_FOR_INITIAL_DATA, Reading
from relay_bridge.contract.update_stream import UpdateReceiver

FIRST_VALUES = 2.0  # seconds after subscribing; what was not heard of by then is honestly unknown


class TagStream:
    """``now`` is monotonic seconds, ``agent_time`` the agent's epoch ms."""

    def __init__(self) -> None:
        self.current = False
        self._receiver = UpdateReceiver()
        self._tags: dict[int, str] = {}  # by handle
        self._early: dict[int, Reading] = {}  # pushed before the answer was read that says which tag it is
        self._subscribed: set[str] = set()
        self._refused: set[str] = set()
        self._unheard: set[str] = set()
        self._unheard_until = 0.0

    def receive(self, push: Push) -> dict[str, Reading]:
        """The readings in a push, by tag. Raises ``Gap`` when one is missing before it, ``MalformedMessage``."""
        if not isinstance(push, Snapshot | Delta):
            self._receiver.expect(push.n)
            return {}
        readings: dict[str, Reading] = {}
        for handle, reading in self._receiver.receive(push):
            tag = self._tags.get(handle)
            if tag is None:
                self._early[handle] = reading
            else:
                readings[tag] = reading
        self._unheard.difference_update(readings)
        return readings

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """Tags to subscribe to, in a stable order."""
        return sorted(set(wanted) - self._subscribed - self._refused)

    def surplus(self, wanted: Collection[str]) -> list[str]:
        """Tags that nobody wants any more."""
        return sorted(self._subscribed.difference(wanted))

    def subscribing(self) -> None:
        """A ``sub`` is about to be sent: what came early for an older one is old by now."""
        self._early.clear()

    def subscribed(self, answer: SubAnswer, now: float, agent_time: int) -> dict[str, Reading]:
        """Take an answer to ``sub``; the readings that are known now: early ones, and of tags that cannot be had."""
        readings: dict[str, Reading] = {}
        for tag, handle in answer.h.items():
            self._tags[handle] = tag
            self._subscribed.add(tag)
            if handle in self._early:
                readings[tag] = self._early.pop(handle)
            else:
                self._unheard.add(tag)
        self._unheard_until = now + FIRST_VALUES
        return readings | self._cannot_be_had(answer.bad, agent_time)

    def refused(self, tags: Iterable[str], agent_time: int) -> dict[str, Reading]:
        """The agent's ceiling does not let these be watched: they read as not supported, not as old values."""
        return self._cannot_be_had(dict.fromkeys(tags, BAD_NOT_SUPPORTED), agent_time)

    def dropped(self, tags: Iterable[str]) -> None:
        tags = set(tags)
        self._subscribed -= tags
        self._unheard -= tags
        self._tags = {handle: tag for handle, tag in self._tags.items() if tag not in tags}

    def unheard_due(self) -> float | None:
        """When ``give_up_waiting`` is to be called, if at all."""
        return self._unheard_until if self._unheard else None

    def give_up_waiting(self, now: float, agent_time: int) -> dict[str, Reading]:
        """Readings for what was subscribed to and never came: waiting for data."""
        if not self._unheard or now < self._unheard_until:
            return {}
        readings = {tag: Reading(None, agent_time, BAD_WAITING_FOR_INITIAL_DATA) for tag in self._unheard}
        self._unheard.clear()
        return readings

    def settle(self, wanted: Collection[str]) -> bool:
        """True once, when everything wanted has been heard of for the first time in this session."""
        if self.current or self._unheard or not self._subscribed.union(self._refused).issuperset(wanted):
            return False
        self.current = True
        return True

    @property
    def tags(self) -> frozenset[str]:
        """Everything that is kept current, or known not to be there."""
        return frozenset(self._subscribed | self._refused)

    def _cannot_be_had(self, codes: dict[str, int], agent_time: int) -> dict[str, Reading]:
        self._refused.update(codes)
        return {tag: Reading(None, agent_time, code) for tag, code in codes.items()}
