"""Sessions that went on under a new key: an open live page under the old one is told to connect again, not to end.

The old key opens nothing from that moment; this only remembers for a minute that its person was not signed out. One
process remembers its own moves, which is where the browser's sockets are.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

REMEMBERED_FOR = 60.0  # seconds; open pages are looked at every second
MOST_REMEMBERED = 1000

_moves: OrderedDict[str, float] = OrderedDict()
_lock = threading.Lock()


def move_session(session: Any) -> None:
    """Give ``session`` a new key, as at each step-up (ASVS 5.0, V7.2.4)."""
    old = session.session_key
    if old:
        with _lock:
            _moves[old] = time.monotonic()
            while len(_moves) > MOST_REMEMBERED:
                _moves.popitem(last=False)
    session.cycle_key()


def has_moved(key: str, now: float | None = None) -> bool:
    """Whether this session went on under another key a moment ago; ``now`` in seconds of the monotonic clock."""
    now = time.monotonic() if now is None else now
    with _lock:
        moved_at = _moves.get(key)
    return moved_at is not None and now - moved_at < REMEMBERED_FOR
