"""Which pages a phone may keep for reading without network, for whom and until when. What it keeps: docs/offline.md.

The label names a sign-in and opens nothing: it is a keyed digest of who signed in and when, so that a phone can tell
one sign-in from the next. A page that carries another label, or none, makes the phone forget what it kept.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.sessions import WRITE_INTERVAL, SessionFacts, read_facts

# Pages to read: values, and what colleagues wrote of them. Everything else, accounts and administration above all,
# never stays on a phone. One without live values carries ``data-still`` in its body, or counts as refused (shell.js).
KEPT_VIEWS = frozenset(
    {
        "screens:my-sites",
        "screens:site",
        "screens:tank",
        "screens:unit",
        "screens:trends",
        "screens:asset-trend",
        "alarms:list",
        "lists:one",
        "notes:asset",
        "notes:site",
        "shifts:one",
    }
)
NOBODY = "none"
_LAG = 2 * WRITE_INTERVAL  # seconds by which the last use may be noted late: what is kept never outlives the sign-in
_SALT = "hmi.screens.keeping"


class Keeping(NamedTuple):
    """For the page's root element. ``label`` is ``none`` where nobody is signed in; ``keeps`` says whether this page
    may be kept. ``left`` and ``idle``, in ms from now: the end of the sign-in at the latest, and without use."""

    label: str
    keeps: bool = False
    left: int = 0
    idle: int = 0
    open_is_use: bool = False


def keeping_of(request: HttpRequest) -> Keeping | None:
    """None for a page that is made without a session, as the fault pages are: it says nothing either way."""
    session = getattr(request, "session", None)
    if session is None:
        return None
    facts = read_facts(dict(session.items()))
    if facts is None or not getattr(getattr(request, "user", None), "is_authenticated", False):
        return Keeping(NOBODY)
    match = request.resolver_match
    return Keeping(
        label=_label(facts),
        keeps=match is not None and match.view_name in KEPT_VIEWS and request.method == "GET",
        left=max(0, int((facts.signed_in_at + settings.SESSION_COOKIE_AGE - time.time()) * 1000)),
        idle=(settings.SESSION_IDLE_AGE - _LAG) * 1000,
        open_is_use=settings.SESSION_OPEN_PAGE_IS_USE,
    )


def _label(facts: SessionFacts) -> str:
    return salted_hmac(_SALT, f"{facts.user_id} {facts.signed_in_at}", algorithm="sha256").hexdigest()[:24]
