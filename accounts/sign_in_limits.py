"""How often one source may fail to sign in, 30 times in 15 minutes, and how many passwords are checked at once.

django-axes counts per account; this counts the same rows per source, so that one password tried on many accounts
is stopped too. The rows are shared by every web process, and axes deletes them when they are older than its
cool-off, so at most about thirty of them exist per source.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axes.helpers import get_client_ip_address, get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.buckets import Buckets

SOURCE_FAILURES = 30  # failures of one source, all accounts together
SOURCE_WINDOW = 15 * 60  # seconds; axes keeps its rows as long (AXES_COOLOFF_TIME)
IPV6_PREFIX = 64  # bits; one subscriber has at least that much to itself, and could change address for every try

# Whoever is asked something before the sign-in gets a session row; a million of those would slow down every sign-in.
_questions = Buckets(per_minute=60, burst=120)

CHECKS_AT_ONCE = 2  # password hashes are slow on purpose; more at once would take the processor from live pages
CHECK_WAIT = 10.0  # seconds that a sign-in waits for its turn; then it is told to come back
_turns = threading.BoundedSemaphore(CHECKS_AT_ONCE)


@contextmanager
def turn_to_check() -> Iterator[bool]:
    """Wait for a turn to check one password; False when none came in time, and then nothing may be checked.

    The limits are asked inside the turn: a thousand guesses sent at the same moment do not slip past them together.
    """
    has_turn = _turns.acquire(timeout=CHECK_WAIT)
    try:
        yield has_turn
    finally:
        if has_turn:
            _turns.release()


def source_address(request: HttpRequest) -> str | None:
    """The address a request comes from, as one text per source; also meant for ``AXES_CLIENT_IP_CALLABLE``.

    Behind a front proxy (SIGHTLINE_BEHIND_PROXY) it is the last entry of X-Forwarded-For: the one the proxy itself
    added, while everything left of it was written by the client.
    """
    text = request.META.get("REMOTE_ADDR") or ""
    if getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip() or text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None  # a unix socket, or a proxy that does not say: all of these count as one source
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, IPV6_PREFIX), strict=False).network_address)


def wait_for_source(request: HttpRequest, now: dt.datetime) -> int:
    """Seconds until this source may try again; 0 when it may try now."""
    # Through axes, because the rows carry the address as axes was told to see it.
    source = get_client_ip_address(request)
    since = now - dt.timedelta(seconds=SOURCE_WINDOW)
    rows = AccessAttempt.objects.filter(ip_address=source, attempt_time__gt=since).order_by("-attempt_time")
    failures = 0
    for when, count in rows.values_list("attempt_time", "failures_since_start")[: SOURCE_FAILURES * 2]:
        failures += count
        if failures >= SOURCE_FAILURES:
            # Once this row is too old, what is newer than it is below the limit.
            return _seconds_left(when, SOURCE_WINDOW, now)
    return 0


def wait_for_question(request: HttpRequest) -> int:
    """Seconds until this source may begin another sign-in with a passkey or a company; 0 when it may now."""
    return _questions.take(source_address(request) or "")


def wait_for_account(username: str, now: dt.datetime) -> int:
    """Seconds until axes lets this account, or ``confirming_name``, try again, as its rows say.

    Whether the account exists does not matter.
    """
    latest = (
        AccessAttempt.objects.filter(username=username)
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    cool_off = get_cool_off() or dt.timedelta(seconds=SOURCE_WINDOW)
    return _seconds_left(latest or now, int(cool_off.total_seconds()), now)


def confirming_name(person: Any) -> str:
    """What wrong codes of somebody who is signed in are counted under: a name that nobody can type into a form.

    Under the username a stranger who knows it could keep its person from confirming, and so from the plant's alarms.
    """
    digest = salted_hmac("accounts.sign_in_limits", str(person.subject), algorithm="sha256").hexdigest()
    return f"{person.get_username()} confirming {digest[:16]}"


def forget_forms(sender: Any, instance: AccessAttempt, **_facts: Any) -> None:
    """Receiver of axes' rows before they are stored: it would keep what was typed, but for ``password``, in clear."""
    instance.get_data = instance.post_data = ""


def _seconds_left(since: dt.datetime, seconds: int, now: dt.datetime) -> int:
    left = since + dt.timedelta(seconds=seconds) - now
    return min(max(int(left.total_seconds()) + 1, 1), seconds)
