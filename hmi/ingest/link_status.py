"""How a link is, since when and why: the rules of its four phases, and the timer that notices silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hmi.live.clock import now_ms
from hmi.live.demand import LinkState, Phase

logger = logging.getLogger(__name__)

SILENCE = 3.0  # seconds without a push; the agent sends at least one a second
MAX_REASON = 200  # characters; a reason may quote the other side
_LOOK_AGAIN = 0.02  # seconds: a timer may fire a little early


class LinkStatus:
    """``on_change`` is called after every change of ``state``. Nothing here waits for anything.

    ``current``: in this session everything watched was heard of, so values may be called live.
    """

    def __init__(self, name: str, on_change: Callable[[], None]) -> None:
        self.state = LinkState("connecting", now_ms())
        self.current = False
        self._name = name
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._heard_at = 0.0
        self._heard_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Nobody has watched, so nothing is known."""
        self.current = False
        self._set("connecting", now_ms(), "")

    def heard(self) -> None:
        """Something came from the agent."""
        self._heard_at, self._heard_ms = self._loop.time(), now_ms()
        if self.current:
            self._set("live", self._heard_ms, "")

    def became_current(self) -> None:
        self.current = True
        self._set("live", now_ms(), "")

    def went_down(self, reason: str) -> None:
        # A link that fell silent first has been without news since then, not since it was given up.
        since = self.state.since if self.state.phase == "silent" else now_ms()
        self.current = False
        self._set("down", since, reason)

    def watch_silence(self) -> None:
        """From now until ``stop_watching``: say so at once when the next push is overdue."""
        self.stop_watching()
        due = self._heard_at + SILENCE
        if self._loop.time() >= due:
            if self.current:
                self._set("silent", self._heard_ms, f"nothing came from the site for {SILENCE:.0f} s")
            due = self._loop.time() + SILENCE
        self._timer = self._loop.call_at(due + _LOOK_AGAIN, self.watch_silence)

    def stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, phase: Phase, since: int, reason: str) -> None:
        same_phase = phase == self.state.phase
        state = LinkState(phase, self.state.since if same_phase else since, reason[:MAX_REASON])
        if state == self.state:
            return
        if not same_phase:
            logger.info("Link to %s: %s%s.", self._name, phase, f" ({state.reason})" if state.reason else "")
        self.state = state
        self._on_change()
