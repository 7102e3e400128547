"""A person's own sign-ins: which devices, from where, since when, and ending them.

The sessions themselves are the list. A page names one by a digest of its key, because the key is what opens it.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext, gettext_lazy

from accounts.assurance import DEVICE, SOURCE
from accounts.sessions import SEEN_AT, SIGNED_IN_AT, end_sessions, find_sessions

LONGEST_AGENT = 400  # characters of a User-Agent that are looked at
UNKNOWN_DEVICE = gettext_lazy("Unknown device")

# The first that is found: every Chromium also says Safari, and Edge also says Chrome.
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS|HeadlessChrome)/"),
    ("Safari", r"Version/.*Safari/"),
)
_SYSTEMS = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows NT"),
    ("ChromeOS", r"CrOS"),
    ("Mac", r"Macintosh"),
    ("Linux", r"Linux"),
)


class OwnSession(NamedTuple):
    """One sign-in as its person sees it. ``handle`` names it on the page; ``key`` never leaves the server."""

    key: str
    handle: str
    device: str
    source: str
    since: dt.datetime
    seen: dt.datetime
    is_this: bool


def device_code(user_agent: str) -> str:
    """Browser and system as the session keeps them, ``Chrome/Android``, from what the browser says of itself.

    Either may be missing (``/Android``), or both: then it is empty. A help for the memory, no proof.
    """
    text = user_agent[:LONGEST_AGENT]
    browser = next((name for name, pattern in _BROWSERS if re.search(pattern, text)), "")
    system = next((name for name, pattern in _SYSTEMS if pattern in text), "")
    return f"{browser}/{system}" if browser or system else ""


def device_words(code: str) -> str:
    """What ``device_code`` found, in words of the language spoken now: ``Chrome on Android``."""
    browser, _, system = code.partition("/")
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or str(UNKNOWN_DEVICE)


def own_sessions(person: Any, this_key: str | None = None) -> list[OwnSession]:
    """The person's live sessions, this browser's first, then the one used last."""
    found = [
        OwnSession(
            key=session.key,
            handle=_handle(session.key),
            device=device_words(str(session.values.get(DEVICE) or "")),
            source=str(session.values.get(SOURCE) or ""),
            since=_moment(session.values[SIGNED_IN_AT]),
            seen=_moment(session.values[SEEN_AT]),
            is_this=session.key == this_key,
        )
        for session in find_sessions(str(person.pk))
    ]
    return sorted(found, key=lambda each: (each.is_this, each.seen), reverse=True)


def end_own_session(person: Any, handle: str) -> OwnSession | None:
    """End the person's session with this handle; None when it is over already or was never theirs."""
    for session in own_sessions(person):
        if constant_time_compare(session.handle, handle):
            end_sessions([session.key])
            return session
    return None


def end_other_sessions(person: Any, this_key: str | None) -> int:
    """End all of the person's sessions but this browser's; returns how many."""
    return end_sessions(session.key for session in own_sessions(person, this_key) if not session.is_this)


def make_room(person: Any) -> list[OwnSession]:
    """End the oldest sign-ins, so that with one more there are not too many; returns those that were ended."""
    oldest_first = sorted(own_sessions(person), key=lambda each: (each.since, each.seen))
    too_many = len(oldest_first) + 1 - settings.SESSIONS_AT_ONCE
    over = oldest_first[: max(0, too_many)]
    end_sessions(session.key for session in over)
    return over


def _handle(key: str) -> str:
    return salted_hmac("accounts.own_sessions", key, algorithm="sha256").hexdigest()[:32]


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
