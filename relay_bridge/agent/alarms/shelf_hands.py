"""Who has just asked to put an alarm on the shelf or to bring it back, and why: sources keep neither (OPC 10000-9).

The name is put down before the source is asked, because its event may come before its answer, and is taken by the
event that shows what was asked for. It waits no longer than a source may take to tell: what comes later is somebody
else's doing, or that of time, and gets no name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

WAITS = 30.0  # seconds: a source that tells nobody of shelving shows it with the refresh that follows
MOST = 1000  # that may wait; as many requests run at once as ``acknowledging.MOST_RUNNING``
ShelfKind = Literal["shelved", "unshelved"]


class Hand(NamedTuple):
    """One who asked. ``until``: monotonic seconds."""

    alarm: str
    kind: ShelfKind
    by: str
    comment: str
    until: float


class ShelfHands:
    """Those who asked, in their order. ``monotonic``: seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._hands: list[Hand] = []

    def put(self, alarm: str, kind: ShelfKind, by: str, comment: str) -> Hand:
        """``by`` is about to ask for it. Beyond ``MOST`` the oldest are forgotten."""
        now = self._monotonic()
        hand = Hand(alarm, kind, by, comment, now + WAITS)
        self._hands = [*(other for other in self._hands if other.until > now), hand][-MOST:]
        return hand

    def refused(self, hand: Hand) -> None:
        """Nothing was done: if it happens all the same, it was somebody else."""
        self._hands = [other for other in self._hands if other is not hand]

    def take(self, alarm: str, kind: ShelfKind) -> tuple[str, str]:
        """Who it was, and why, now that ``kind`` happened to ``alarm``; empty where nobody here asked for it."""
        now = self._monotonic()
        for hand in self._hands:
            if hand.alarm == alarm and hand.kind == kind and hand.until > now:
                self.refused(hand)
                return hand.by, hand.comment
        return "", ""
