"""What one phone has been sent and what it may be sent next: pure bookkeeping, no socket and no task.

The policy, in three sentences. Nothing is queued: a socket's writer takes one frame when it is free, and that frame
is made from the newest values then. With ``MAX_UNANSWERED`` data frames unanswered a phone gets no more values until
it answers, then one delta of everything that changed meanwhile: newest wins, so a slow phone loses detail, never
time. A phone that does not answer at all falls silent, goes stale by its own clock, and is dropped after
``STUCK_LIMIT``.
"""

from __future__ import annotations

from typing import Protocol

from relay_bridge.contract.update_stream import MAX_UNANSWERED

STUCK_LIMIT = 20.0  # seconds without an answer to data; then the socket is closed, so that nothing piles up below us
SNAPSHOT_SPACING = 1.0  # seconds between snapshots that the phone asks for: one costs as much as hundreds of deltas


class Frames(Protocol):
    """Where frames come from: the view that many sockets share. Bodies are encoded once and are the same for all."""

    layout: int  # changes when handles mean something else: everybody needs a snapshot
    revision: int  # of values
    state: int  # revision of link and source states
    beat: int  # counts the times when nothing was sent for the heartbeat period
    slow_beat: int  # the same for pages in the background

    @property
    def trustworthy(self) -> bool:
        """The link is up: values may be taken for the present."""

    def snapshot_body(self) -> str: ...

    def delta_body(self, since: int) -> str: ...

    def state_body(self) -> str: ...


class Outbox:
    """One socket's place in the stream. ``take`` gives the next frame, or ``None`` when there is nothing to say."""

    def __init__(self) -> None:
        self.background = False
        self._n = 0
        self._unanswered: list[int] = []
        self._blocked_since: float | None = None
        self._snapshot_due = True
        self._asked_for = False
        self._snapshot_at = float("-inf")
        self._layout = self._revision = self._state = self._beat = self._slow_beat = -1

    @property
    def blocked(self) -> bool:
        """True while the phone has not answered the last data frames."""
        return len(self._unanswered) >= MAX_UNANSWERED

    def stuck(self, now: float) -> bool:
        """True when the phone is in front and has answered nothing for ``STUCK_LIMIT``."""
        return self._blocked_since is not None and not self.background and now - self._blocked_since >= STUCK_LIMIT

    def acknowledge(self, n: int) -> None:
        """The phone has digested every data frame up to ``n``; a number that was never sent says nothing."""
        if n <= self._n:
            self._unanswered = [sent for sent in self._unanswered if sent > n]
            if not self.blocked:
                self._blocked_since = None

    def resync(self) -> None:
        """The phone dropped its state: the next data frame is a snapshot, and old answers are no longer expected."""
        self._snapshot_due = self._asked_for = True
        self._unanswered.clear()
        self._blocked_since = None

    def set_background(self, background: bool) -> None:
        """In the background a page gets slow heartbeats only, one at once; in front again it starts with a snapshot."""
        if self.background and not background:
            self.resync()
        if background:
            self._slow_beat = -1
        self.background = background

    def wait_for_snapshot(self, now: float) -> float:
        """Seconds until a snapshot that the phone asked for may go out; 0 when none waits."""
        return max(0.0, self._snapshot_at + SNAPSHOT_SPACING - now) if self._asked_for and not self.background else 0.0

    def take(self, view: Frames, now: float) -> str | None:
        """The next frame at ``now`` (any monotonic seconds), made from what is newest."""
        if self.background:
            return self._take_slow_beat(view)
        if self._layout != view.layout:
            self._snapshot_due = True
            self._asked_for = False
        if self._snapshot_due and not self.blocked and not self.wait_for_snapshot(now):
            return self._take_snapshot(view, now)
        # That a link fell silent is short, rare and must not wait: a phone without credit is told as well. But that
        # it is up again comes with the snapshot that is due then, never before it.
        if self._state != view.state and not (self._snapshot_due and view.trustworthy):
            return self._take_state(view)
        if self.blocked or self._snapshot_due:
            return None
        if self._revision != view.revision:
            return self._take_delta(view, now)
        return self._take_state(view) if self._beat != view.beat else None

    def _take_slow_beat(self, view: Frames) -> str | None:
        if self._slow_beat == view.slow_beat:
            return None
        self._slow_beat = view.slow_beat
        return self._number("h", view.state_body())

    def _take_snapshot(self, view: Frames, now: float) -> str:
        frame = self._number("s", view.snapshot_body())
        self._snapshot_due = self._asked_for = False
        self._snapshot_at = now
        self._layout, self._revision, self._state = view.layout, view.revision, view.state
        self._beat, self._slow_beat = view.beat, view.slow_beat
        self._expect_answer(now)
        return frame

    def _take_delta(self, view: Frames, now: float) -> str:
        frame = self._number("d", view.delta_body(self._revision))
        self._revision, self._beat = view.revision, view.beat
        self._expect_answer(now)
        return frame

    def _take_state(self, view: Frames) -> str:
        self._state, self._beat = view.state, view.beat
        return self._number("h", view.state_body())

    def _number(self, kind: str, body: str) -> str:
        """The frame for this socket: the shared body behind this socket's own number, without encoding it again."""
        self._n += 1
        return f'{{"k":"{kind}","n":{self._n},{body}'

    def _expect_answer(self, now: float) -> None:
        self._unanswered.append(self._n)
        if self.blocked and self._blocked_since is None:
            self._blocked_since = now

    def farewell(self, words: str) -> str:
        """The last frame; ``words`` is a JSON string literal."""
        return self._number("bye", f'"why":{words}}}')
