"""The agent's two clocks, handed in so that tests can move them."""

from __future__ import annotations

import time


class Clock:
    """``wall`` is what tokens and frames speak of; ``monotonic`` measures waiting, and no time server moves it."""

    def wall(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.time()

    def wall_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC: the ``t`` of frames and readings."""
        return int(self.wall() * 1000)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()
