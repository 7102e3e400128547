"""Access tokens that somebody ended before their time: everything opened under them until then must close.

The grant may still stand, so nothing in the database says it; this process remembers which access it was, and when. A
page that comes back afterwards opens a new access token. Other processes find out when their site token runs out.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from uuid import UUID

MAX_REMEMBERED = 4096  # ends; the oldest is forgotten first, long after every page under it was looked at
_ends: OrderedDict[tuple[UUID, str], float] = OrderedDict()
_lock = threading.Lock()


def note_end(grant_id: UUID, session_key: str) -> None:
    """The access token of this grant and this signed-in session was ended just now."""
    with _lock:
        _ends.pop((grant_id, session_key), None)
        _ends[grant_id, session_key] = time.monotonic()
        while len(_ends) > MAX_REMEMBERED:
            _ends.popitem(last=False)


def ended_since(grant_id: UUID, session_key: str, opened: float) -> bool:
    """Whether it was ended at or after ``opened`` (monotonic seconds)."""
    moment = _ends.get((grant_id, session_key))
    return moment is not None and moment >= opened
