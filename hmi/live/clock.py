"""The web app's own clock as the wire tells it."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Epoch ms, UTC."""
    return time.time_ns() // 1_000_000
