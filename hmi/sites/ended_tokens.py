"""Access tokens that somebody ended before their time: everything opened under them until then must close.

The grant may still stand, so no row says it; this process remembers which access it was, and when. A page that comes
back afterwards opens a new access token. Other processes hear of it by the news in the database (access_news.py).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from uuid import UUID

from accounts.session_moves import session_digest

MAX_REMEMBERED = 4096  # ends; the oldest is forgotten first
REMEMBERED_FOR = 60.0  # seconds; every open page is looked at each second
_ends: OrderedDict[tuple[UUID, str], float] = OrderedDict()
_everything_until = float("-inf")  # monotonic seconds: what was opened before may have ended, and counts as ended
_lock = threading.Lock()


def note_end(grant_id: UUID, session_key: str) -> None:
    """The access token of this grant and this signed-in session was ended just now."""
    note_end_of(grant_id, session_digest(session_key), time.monotonic())


def note_end_of(grant_id: UUID, session: str, moment: float) -> None:
    """It was ended at ``moment`` (monotonic seconds); ``session`` is a ``session_digest``."""
    with _lock:
        known = _ends.pop((grant_id, session), moment)
        _ends[grant_id, session] = max(known, moment)
        while len(_ends) > MAX_REMEMBERED:
            _, forgotten = _ends.popitem(last=False)
            if time.monotonic() - forgotten < REMEMBERED_FOR:  # pages under it may not have been looked at yet
                _everything_before(forgotten)


def note_everything(moment: float) -> None:
    """More ended than can be told one by one: whatever was opened until ``moment`` (monotonic seconds) opens anew."""
    with _lock:
        _everything_before(moment)


def ended_since(grant_id: UUID, session_key: str, opened: float) -> bool:
    """Whether it was ended at or after ``opened`` (monotonic seconds)."""
    if opened <= _everything_until:
        return True
    if not _ends:
        return False
    moment = _ends.get((grant_id, session_digest(session_key)))
    return moment is not None and moment >= opened


def _everything_before(moment: float) -> None:
    global _everything_until  # noqa: PLW0603 - one moment for the whole process
    _everything_until = max(_everything_until, moment)
