"""How long a sign-in lasts: 12 h at most, 30 min without use; kept here for pages and for open live sockets alike.

The session itself carries the two times (whole seconds since the epoch): ``signed_in_at`` and ``seen_at``. A
session without them was not made by our sign-in and is not live. Limits: OWASP ASVS 5.0, V7.3.1 and V7.3.2.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.two_way_middleware import TwoWayMiddleware

logger = logging.getLogger(__name__)

SIGNED_IN_AT = "signed_in_at"
SEEN_AT = "seen_at"
ENDED_BECAUSE = "ended_because"  # left in the fresh anonymous session, so that sign-in can say what happened
WRITE_INTERVAL = 60  # seconds; seen_at may lag by this much, which spares a database write on every request
DECODED_SESSIONS = 4096  # distinct sessions kept decoded; a live-page sweep asks for the same ones every second


class SessionFacts(NamedTuple):
    """What the limits are judged by. ``user_id`` is text, as Django stores it; times in seconds since the epoch."""

    user_id: str
    signed_in_at: int
    seen_at: int


def read_facts(values: Mapping[str, Any]) -> SessionFacts | None:
    """The facts of a session's content, or None when nobody is signed in through it."""
    user_id, signed_in_at, seen_at = values.get(SESSION_KEY), values.get(SIGNED_IN_AT), values.get(SEEN_AT)
    if not isinstance(user_id, str) or not isinstance(signed_in_at, int) or not isinstance(seen_at, int):
        return None
    return SessionFacts(user_id, signed_in_at, seen_at)


def end_reason(facts: SessionFacts | None, now: float) -> str:
    """Why a session is over: "" (it is not), ``idle``, ``absolute`` or ``unknown`` (it has no times)."""
    if facts is None:
        return "unknown"
    if now >= facts.signed_in_at + settings.SESSION_COOKIE_AGE:
        return "absolute"
    if now >= facts.seen_at + settings.SESSION_IDLE_AGE:
        return "idle"
    return ""


def start_clock(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Receiver of ``user_logged_in``: note when, and let the row and the cookie end at the absolute limit too."""
    now = int(time.time())
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = now
    request.session.set_expiry(dt.datetime.fromtimestamp(now + settings.SESSION_COOKIE_AGE, tz=dt.UTC))


class SessionLifeMiddleware(TwoWayMiddleware):
    """Ends a session that is over before any view sees its person, and notes that a live one was used."""

    def answer(self, request: HttpRequest) -> Any:
        if SESSION_KEY in request.session:
            _keep_or_end(request, time.time())
        return self.get_response(request)

    async def answer_later(self, request: HttpRequest) -> Any:
        if await request.session.ahas_key(SESSION_KEY):
            # The session is loaded now, so a live one costs no thread: only ending it touches the database.
            now = time.time()
            if _reason(request, now):
                await sync_to_async(_keep_or_end)(request, now)
            else:
                _note_use(request, now)
        return await self.get_response(request)


def _reason(request: HttpRequest, now: float) -> str:
    return end_reason(read_facts(dict(request.session.items())), now)


def _note_use(request: HttpRequest, now: float) -> None:
    if now - request.session[SEEN_AT] >= WRITE_INTERVAL:
        request.session[SEEN_AT] = int(now)


def _keep_or_end(request: HttpRequest, now: float) -> None:
    reason = _reason(request, now)
    if not reason:
        _note_use(request, now)
        return
    request.session_end_reason = reason  # type: ignore[attr-defined]  # for the audit trail, which hears of the logout
    try:
        logout(request)  # flushes: the old row is gone and the old cookie opens nothing
    except (OperationalError, InterfaceError) as error:  # the row stays for now, but it opens nothing either
        logger.error("A session that is over could not be deleted: %s", error)  # noqa: TRY400
        request.session, request.user = SessionStore(), AnonymousUser()
    request.session[ENDED_BECAUSE] = reason
    request.auser = _anonymous  # logout() leaves the async accessor's cached person in place


async def _anonymous() -> AnonymousUser:
    return AnonymousUser()


# --- for open live pages, which make no requests ----------------------------------------------------------------


def session_is_live(session_key: str, now: float) -> bool:
    """Whether the session exists, carries a sign-in and is within both limits. ``now``: seconds since the epoch."""
    return session_key in live_session_keys([session_key], now)


def live_session_keys(keys: Iterable[str], now: float) -> set[str]:
    """Those of ``keys`` whose session is live, with one query however many there are."""
    rows = _unexpired(now).filter(session_key__in=set(keys)).values_list("session_key", "session_data")
    return {key for key, data in rows if not end_reason(_decoded(data), now)}


def touch_sessions(keys: Iterable[str], now: float | None = None) -> int:
    """Count an open page in front of somebody as use: moves ``seen_at`` of live sessions; returns how many rows.

    Call it about once a minute with the sessions behind sockets whose page is visible. It revives nothing: a
    session past either limit stays over. ``SIGHTLINE_OPEN_PAGE_IS_USE=0`` in the environment turns it off, so
    that only requests count (docs/access.md says what that means for a display people only look at).
    """
    if not getattr(settings, "SESSION_OPEN_PAGE_IS_USE", True):
        return 0
    now = time.time() if now is None else now
    touched = 0
    for key, data in _unexpired(now).filter(session_key__in=set(keys)).values_list("session_key", "session_data"):
        facts = _decoded(data)
        if facts is None or end_reason(facts, now) or now - facts.seen_at < WRITE_INTERVAL:
            continue
        values = {**SessionStore().decode(data), SEEN_AT: int(now)}
        # Only if nobody wrote meanwhile: a request's own write must not be lost, an ended session not revived.
        touched += Session.objects.filter(session_key=key, session_data=data).update(
            session_data=SessionStore().encode(values)
        )
    return touched


class FoundSession(NamedTuple):
    """A signed-in session and all it holds; ``values`` is the session's content."""

    key: str
    user_id: str
    values: Mapping[str, Any]


def find_sessions(user_id: str | None = None, now: float | None = None) -> Iterator[FoundSession]:
    """The signed-in sessions of one person (``user_id`` as text), or of everybody; those past a limit are left out.

    Reads every unexpired session, because a session row does not name its person. That is some 50 ms for a
    thousand of them, and happens when somebody signs in or looks at the own sign-ins, or a password changes.
    """
    now = time.time() if now is None else now
    for key, data in _unexpired(now).values_list("session_key", "session_data").iterator():
        values = SessionStore().decode(data)
        facts = read_facts(values)
        if facts is not None and user_id in (None, facts.user_id) and not end_reason(facts, now):
            yield FoundSession(key, facts.user_id, values)


def end_sessions(keys: Iterable[str]) -> int:
    """Delete these sessions: open live pages under them close within seconds. Returns how many there were."""
    _, by_model = Session.objects.filter(session_key__in=set(keys)).delete()
    return by_model.get("sessions.Session", 0)


def end_sessions_of(person: Any, *, except_key: str | None = None) -> int:
    """Sign a person out everywhere, open live pages included; returns how many sessions ended."""
    user_id = str(person.pk if person.pk is not None else "")
    rows = _unexpired(time.time()).exclude(session_key=except_key).values_list("session_key", "session_data")
    # Also those without times, which find_sessions leaves out: nothing of this person may stay.
    keys = [key for key, data in rows.iterator() if SessionStore().decode(data).get(SESSION_KEY) == user_id]
    if keys:
        Session.objects.filter(session_key__in=keys).delete()
        logger.info("Ended %d session(s) of person %s.", len(keys), person.subject)
    return len(keys)


def _unexpired(now: float) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__gt=dt.datetime.fromtimestamp(now, tz=dt.UTC))


@lru_cache(maxsize=DECODED_SESSIONS)
def _decoded(session_data: str) -> SessionFacts | None:
    """Facts of a stored session; a row whose signature does not hold decodes to nothing, so it is not live."""
    return read_facts(SessionStore().decode(session_data))
