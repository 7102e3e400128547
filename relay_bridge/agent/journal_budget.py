"""How many events the journal takes; beyond, they are counted instead of written: a flood must not fill the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable

EVENTS_PER_SECOND, BURST = 20.0, 400.0
logger = logging.getLogger(__name__)


class JournalBudget:
    """``monotonic`` in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._left, self._at = BURST, monotonic()
        self._left_out = 0

    def spend(self) -> bool:
        """Take one event out of the budget; False when there is none left, and the event is counted."""
        now = self._monotonic()
        self._left = min(BURST, self._left + (now - self._at) * EVENTS_PER_SECOND)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return True
        if not self._left_out:
            logger.warning("More events than the journal takes (%.0f/s); the others are counted.", EVENTS_PER_SECOND)
        self._left_out += 1
        return False

    def owed(self) -> int:
        """How many were left out since this was last asked."""
        count, self._left_out = self._left_out, 0
        return count
