"""Letters about requests for access: to those who may give it, that somebody asks; to the person, what became of it.

They go at once where a mail server is set, each marked in its row when it went; one that fails is tried again by
``manage.py remind_of_ends``. A letter may go twice when a program dies on the way, never without end. Each is written
in the language that its reader chose, English when none was chosen: those who may give get one letter per language.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import EmailMessage, get_connection
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.roles import role_words
from hmi.languages.dates import date_text
from hmi.sites.access_requests import AccessRequest, RequestState
from hmi.sites.grant_rules import GIVE
from hmi.sites.grants import Approval

logger = logging.getLogger(__name__)
MOST_GIVERS = 50  # addresses of one letter; the list in the administration shows every request in any case
MOST_LETTERS = 200  # of one run of the command
PATIENCE = 5  # seconds for the mail server while somebody waits for a page
TOLD_WITHIN = dt.timedelta(days=2)  # after that a letter is no news: nobody is written to any more


def letters_go() -> bool:
    return not settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend")


def send_letters(request: AccessRequest, now: dt.datetime | None = None) -> bool:
    """Send what is due about ``request``; False when the mail server refused. Called after the change is committed."""
    if not letters_go():
        return True
    now = now or timezone.now()
    state = request.state_at(now)
    try:
        with get_connection(timeout=PATIENCE) as connection:
            if state is RequestState.OPEN and request.givers_told_at is None:
                for language, addresses in _by_language(givers_of(request)[:MOST_GIVERS]).items():
                    with translation.override(language):
                        letter_to_givers(request, addresses, connection).send()
                _mark(request, "givers_told_at", now)
            if state in {RequestState.GRANTED, RequestState.DECLINED} and request.asker_told_at is None:
                if request.person.email:
                    with translation.override(request.person.language or settings.LANGUAGE_CODE):
                        letter_to_asker(request, connection).send()
                _mark(request, "asker_told_at", now)
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("No letter about the request %s: %s", request.pk, type(error).__name__)
        return False
    return True


def send_due(now: dt.datetime | None = None) -> int:
    """Try again what did not go, of the last two days; answers how many requests are still without their letter."""
    now = now or timezone.now()
    since = now - TOLD_WITHIN
    asked = Q(decision="", asked_at__gt=since, givers_told_at=None)
    answered = Q(decision__in=("granted", "declined"), decided_at__gt=since, asker_told_at=None)
    due = AccessRequest.objects.filter(asked | answered).select_related("person", "role", "site", "grant")
    return sum(not send_letters(request, now) for request in due.order_by("asked_at")[:MOST_LETTERS])


def givers_of(request: AccessRequest) -> Any:
    """Those who may answer: active, with the permission and an address, and not the person who asks."""
    people = get_user_model().objects.with_perm(GIVE, backend="django.contrib.auth.backends.ModelBackend")
    return people.filter(is_staff=True).exclude(email="").exclude(pk=request.person_id).order_by("pk")


def _by_language(people: Any) -> dict[str, list[str]]:
    """Addresses by the language that their people read."""
    found: dict[str, list[str]] = {}
    for person in people:
        found.setdefault(person.language or settings.LANGUAGE_CODE, []).append(person.email)
    return found


def letter_to_givers(request: AccessRequest, addresses: list[str], connection: Any = None) -> EmailMessage:
    """To all of them, who do not see each other's addresses. It holds nothing to click. In the language spoken now."""
    facts = _facts(request)
    subject = _("%(person)s asks for access to %(site)s") % facts
    asked = _("%(person)s asks for the role %(role)s at %(site)s, last day %(day)s:") % facts
    todo = _("Answer in the administration pages, Access requests, before %(expires)s UTC.") % facts
    text = f"{asked}\n\n    {_line(request.reason)}\n\n{todo}\n"
    return EmailMessage(subject, text, bcc=addresses, connection=connection)


def letter_to_asker(request: AccessRequest, connection: Any = None) -> EmailMessage:
    """What became of it, in the language spoken now."""
    facts = _facts(request)
    if request.state is RequestState.DECLINED:
        subject, text = _("Your request for %(site)s was declined"), _line(request.answer)
    elif request.grant is not None and request.grant.approval == Approval.PENDING:
        subject = _("Your request for %(site)s waits for a second person")
        text = _("The role %(role)s was given to you; a second person has still to approve it.") % facts
    else:
        subject = _("Your request for %(site)s was granted")
        text = _("You hold the role %(role)s at %(site)s. The last day is %(day)s.") % facts
    return EmailMessage(subject % facts, f"{text}\n", to=[request.person.email], connection=connection)


def _facts(request: AccessRequest) -> dict[str, str]:
    expires = request.expires_at.astimezone(dt.UTC)
    return {
        "person": _line(request.person.get_username()),
        "site": _line(request.site_slug),
        "role": _line(role_words(request.role.name)) if request.role is not None else _("(deleted)"),
        "day": date_text(request.last_day),
        "expires": f"{date_text(expires)} {expires:%H:%M}",
    }


def _mark(request: AccessRequest, field: str, now: dt.datetime) -> None:
    setattr(request, field, now)
    request.save(update_fields=[field])


def _line(text: str) -> str:
    return " ".join(text.split())  # no line break reaches a header
