"""Sessions that went on under a new key: an open live page under the old one is told to connect again, not to end.

The old key opens nothing from that moment; this only remembers for a minute that its person was not signed out. Whoever
carries news between web processes asks to be told (``on_move``) and tells what others did (``note_move``).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction

REMEMBERED_FOR = 60.0  # seconds; open pages are looked at every second
MOST_REMEMBERED = 1000

_moves: OrderedDict[str, float] = OrderedDict()
_lock = threading.Lock()
_tell_others: list[Callable[[str], None]] = []


def session_digest(session_key: str) -> str:
    """How a signed-in session is named outside its own row: it opens nothing. Empty for none."""
    return hashlib.sha256(b"sightline session " + session_key.encode()).hexdigest() if session_key else ""


def on_move(tell: Callable[[str], None]) -> None:
    """Call ``tell`` with the digest of the old key after each move in this process; said once, at the start."""
    _tell_others[:] = [tell]


def note_move(digest: str) -> None:
    """The session with this ``session_digest`` went on under another key just now."""
    with _lock:
        _moves[digest] = time.monotonic()
        while len(_moves) > MOST_REMEMBERED:
            _moves.popitem(last=False)


class SessionGone(Exception):  # noqa: N818 - an event: it ended, or went on under another key, a moment ago
    """The session cannot move: its row is not there any more."""


def move_session(session: Any) -> None:
    """Give ``session`` a new key, as at each step-up (ASVS 5.0, V7.2.4).

    The old row is claimed by deleting it, in the transaction that makes the new one: of two confirmations at once one
    makes a session and the other gets ``SessionGone``, and a sign-in that ended meanwhile is not revived. ``session``
    is then as it was, and is not stored.
    """
    old = session.session_key
    with transaction.atomic():
        # Whoever comes second waits for the first one's transaction, on SQLite and on PostgreSQL, and finds nothing.
        if not old or not Session.objects.filter(session_key=old).delete()[0]:
            session.modified = False
            raise SessionGone
        digest = session_digest(old)
        note_move(digest)
        for tell in _tell_others:
            tell(digest)
        session.cycle_key()


def has_moved(key: str, now: float | None = None) -> bool:
    """Whether this session went on under another key a moment ago; ``now`` in seconds of the monotonic clock."""
    now = time.monotonic() if now is None else now
    with _lock:
        moved_at = _moves.get(session_digest(key))
    return moved_at is not None and now - moved_at < REMEMBERED_FOR
