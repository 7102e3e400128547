"""How long to wait before trying again: full jitter, so that a thousand sites do not come back in the same second."""

from __future__ import annotations

from collections.abc import Callable

_MAX_DOUBLINGS = 30  # beyond this every sensible cap has been reached, and a float stays exact


def full_jitter(attempt: int, base: float, cap: float, random: Callable[[], float]) -> float:
    """Seconds to wait before the try after ``attempt`` failures: uniform in 0 … min(cap, base · 2^attempt).

    ``attempt`` counts from 0; ``base`` and ``cap`` are seconds; ``random`` returns a number in [0, 1).
    """
    if attempt < 0 or base <= 0 or cap <= 0:
        raise ValueError("full_jitter needs attempt >= 0 and base, cap > 0 seconds")
    return random() * min(cap, base * 2.0 ** min(attempt, _MAX_DOUBLINGS))
