"""From a right password (or a company's word) to a signed-in session, through the second factor where one is due.

Until everything due was shown nobody is signed in: the session holds who is half in (``sign_in_pending``) and no
person, so that no page and no socket opens by mistake. Half in lasts ten minutes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.utils.translation import ngettext

from accounts import audit
from accounts.assurance import (
    AMR,
    COMPANY,
    DEVICE,
    SOURCE,
    STEPPED_UP_AT,
    STEPPED_UP_WITH,
    TWO_FACTORS,
    USE_NOTICE,
    join_methods,
    read_assurance,
)
from accounts.factors import has_second_factor, needs_second_factor
from accounts.own_sessions import OwnSession, device_code, make_room
from accounts.session_moves import move_session
from accounts.sign_in_limits import source_address
from accounts.use_notice import notice_version

logger = logging.getLogger(__name__)

PENDING = "sign_in_pending"
PENDING_LIFE = 600  # seconds between the password and the second factor, or the setting up of one
BACKEND = "django.contrib.auth.backends.ModelBackend"


@dataclass(frozen=True)
class Pending:
    """Somebody who is half in. ``methods`` are those shown so far; ``notice`` the use notice that was read."""

    person: Any
    methods: tuple[str, ...]
    destination: str
    company: str
    groups: tuple[str, ...]


def go_on(
    request: HttpRequest,
    person: Any,
    methods: Iterable[str],
    destination: str,
    *,
    company: str = "",
    groups: Iterable[str] = (),
) -> HttpResponse:
    """Sign ``person`` in if that is all that is due; otherwise send them to the second factor, or to set one up."""
    shown = join_methods(methods)
    if TWO_FACTORS in shown:
        return finish(request, person, shown, destination, company=company, groups=groups)
    if has_second_factor(person):
        following = "accounts:second-factor"
    elif needs_second_factor(person):
        following = "accounts:set-up"
    else:
        return finish(request, person, shown, destination, company=company, groups=groups)
    # A new key: what was known before the password is worth nothing after it.
    request.session.flush()
    request.session[PENDING] = {
        "user": str(person.pk),
        # The password's own digest: when it is changed meanwhile, this half sign-in is worth nothing.
        "hash": person.get_session_auth_hash(),
        "methods": shown,
        "next": destination,
        "company": company,
        "groups": list(groups),
        "at": int(time.time()),
    }
    request.session.set_expiry(PENDING_LIFE)
    return see_other(resolve_url(following))


def pending(request: HttpRequest) -> Pending | None:
    """Who is half in through this browser, if that is still good."""
    held = request.session.get(PENDING)
    if not isinstance(held, dict) or not 0 <= time.time() - held["at"] < PENDING_LIFE:
        return None
    person = get_user_model().objects.filter(pk=held["user"], is_active=True).first()
    if person is None or person.get_session_auth_hash() != held["hash"]:
        return None
    return Pending(person, tuple(held["methods"]), held["next"], held["company"], tuple(held["groups"]))


def finish(
    request: HttpRequest,
    person: Any,
    methods: Iterable[str],
    destination: str,
    *,
    company: str = "",
    groups: Iterable[str] = (),
) -> HttpResponse:
    """Sign ``person`` in: a fresh session that says how, and 303 to where they wanted to go."""
    begin_session(request, person, methods, company=company, groups=groups)
    return see_other(destination)


def begin_session(
    request: HttpRequest, person: Any, methods: Iterable[str], *, company: str = "", groups: Iterable[str] = ()
) -> None:
    """Make the signed-in session. The oldest sign-in of this person ends when there would be too many."""
    from accounts.company_sign_on import signed_in_with_groups  # noqa: PLC0415 - it uses this file

    shown = list(methods)
    # A fresh session whoever was signed in here before: no key known before the sign-in is worth anything after it.
    request.session.flush()
    request.user = AnonymousUser()
    # For those who hear of the sign-in from Django's signal: the audit trail.
    request.sign_in_methods = shown  # type: ignore[attr-defined]
    request.sign_in_notice = notice_version()  # type: ignore[attr-defined]
    with transaction.atomic():
        # One sign-in of a person at a time, stored before the next one counts: else two could be one too many.
        get_user_model().objects.select_for_update().get(pk=person.pk)
        ended = make_room(person)
        if company:  # before the person acts: whoever grants here is the company's word, not the person
            seconds = settings.SESSION_COOKIE_AGE
            signed_in_with_groups.send(
                sender=None, person=person, company=company, groups=frozenset(groups), seconds=seconds
            )
        login(request, person, backend=BACKEND)
        session = request.session
        session[AMR] = shown
        session[USE_NOTICE] = notice_version()
        session[DEVICE] = device_code(request.headers.get("User-Agent", ""))
        session[SOURCE] = source_address(request) or ""
        session[COMPANY] = company
        _note_step_up(session, shown)
        session.save()
    for over in ended:
        messages.warning(request, _said(over))
        audit.try_record(
            "person:session:ended",
            actor=person,
            result="done",
            subject=str(person.subject),
            reason="One sign-in more than allowed at once.",
            request=request,
        )


def strengthen(request: HttpRequest, methods: Iterable[str]) -> None:
    """The person confirmed with ``methods``: the session is worth so much more, under a new key (ASVS 5.0, V7.2.4).

    ``session_moves.SessionGone`` when the sign-in ended meanwhile, or another confirmation was faster.
    """
    session = request.session
    session[AMR] = join_methods(read_assurance(session).amr, methods)
    _note_step_up(session, methods)
    move_session(session)


def note_failure(request: HttpRequest, person: Any, *, name: str = "") -> None:
    """Count a wrong code like a wrong password: five of either pause the account.

    ``name``: what to count it under instead of the username.
    """
    request.failed_person = person  # type: ignore[attr-defined]  # for the audit trail, which hears of the name only
    user_login_failed.send(sender=__name__, credentials={"username": name or person.get_username()}, request=request)


def is_paused(request: HttpRequest, person: Any, *, name: str = "") -> bool:
    """Whether the account (or ``name``) is paused after too many failures; then no code is looked at."""
    return not AxesProxyHandler.is_allowed(request, {"username": name or person.get_username()})


def see_other(address: str) -> HttpResponse:
    """303: the browser must fetch the next page with GET and never post the password again (RFC 9700, 4.12)."""
    return HttpResponseRedirect(address, status=303)


def _note_step_up(session: Any, methods: Iterable[str]) -> None:
    from accounts.step_up import strong_methods  # noqa: PLC0415 - it uses this file

    strong = strong_methods(methods)
    if strong:
        session[STEPPED_UP_AT] = int(time.time())
        session[STEPPED_UP_WITH] = strong


def _said(over: OwnSession) -> str:
    words = ngettext(
        "You can be signed in on %(most)d device at once. The oldest sign-in was ended: %(device)s, since %(since)s.",
        "You can be signed in on %(most)d devices at once. The oldest sign-in was ended: %(device)s, since %(since)s.",
        settings.SESSIONS_AT_ONCE,
    )
    since = render_to_string("accounts/_moment.txt", {"value": over.since}).strip()
    return words % {"most": settings.SESSIONS_AT_ONCE, "device": over.device, "since": since}
