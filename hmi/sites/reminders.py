"""Letters that say in time that a grant ends: to its person and to its giver, seven days and one day before.

Each letter is written down before it goes, and the database refuses a second row for it: two programs that run at once
send one letter. One whose mail server refuses it is tried again at the next run; one that a dying program left
half-sent is not, because nobody knows whether it went. Each is in the language that its reader chose, else in English.
"""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.roles import role_words
from hmi.languages.dates import date_text
from hmi.sites.grants import OPENING, Grant
from hmi.sites.models import GrantReminder

logger = logging.getLogger(__name__)
DAYS = (7, 1)  # before the end
MOST_LETTERS = 1000  # of one run; the next run sends the rest


@dataclass
class Sent:
    """What a run did. ``without_address``: who has no mail address; ``unsure``: letters left half-sent before."""

    letters: int = 0
    failed: int = 0
    unsure: int = 0
    without_address: set[str] = field(default_factory=set)


def due(now: dt.datetime) -> Iterator[tuple[Grant, int]]:
    """Live grants about whose end somebody is to be told now, each with the days before its end that the letter is for.

    A grant that was never longer than the days has no letter for them, and one that goes on in another has none at all.
    """
    goes_on = Grant.objects.filter(
        user=OuterRef("user"), role=OuterRef("role"), site=OuterRef("site"), revoked_at__isnull=True,
        approval__in=OPENING, valid_from__lte=OuterRef("valid_until"), valid_until__gt=OuterRef("valid_until"),
    )  # fmt: skip
    grants = Grant.objects.live(now).filter(valid_until__lte=now + dt.timedelta(days=max(DAYS)))
    grants = grants.exclude(Exists(goes_on)).select_related("user", "role", "site", "granted_by")
    for grant in grants.order_by("valid_until").iterator(chunk_size=500):
        days = min(days for days in DAYS if now >= grant.valid_until - dt.timedelta(days=days))
        if grant.valid_until - grant.valid_from > dt.timedelta(days=days):
            yield grant, days


def send_reminders(now: dt.datetime | None = None) -> Sent:
    """Send every letter that is due and was not sent; answers what was done. Bounded by ``MOST_LETTERS``."""
    now = now or timezone.now()
    sent = Sent(unsure=GrantReminder.objects.filter(sent_at__isnull=True).count())
    with get_connection() as connection:
        for grant, days in due(now):
            for person in _addressees(grant):
                if not person.email:
                    sent.without_address.add(person.get_username())
                    continue
                if sent.letters + sent.failed >= MOST_LETTERS:
                    return sent
                _send_once(grant, days, person, connection=connection, now=now, sent=sent)
    return sent


def _addressees(grant: Grant) -> list[Any]:
    people = [grant.user]
    if grant.granted_by is not None and grant.granted_by.is_active:
        people.append(grant.granted_by)
    return people


def _send_once(grant: Grant, days: int, person: Any, *, connection: Any, now: dt.datetime, sent: Sent) -> None:
    try:
        with transaction.atomic():
            claim = GrantReminder.objects.create(grant=grant, ends_at=grant.valid_until, days=days, to=person)
    except IntegrityError:
        return  # sent before, or being sent by another program
    try:
        letter(grant, person, connection).send()
    except (OSError, smtplib.SMTPException) as error:
        claim.delete()
        sent.failed += 1
        logger.warning("No reminder to %s about grant %s: %s", person.subject, grant.pk, type(error).__name__)
        return
    claim.sent_at = now
    claim.save(update_fields=["sent_at"])
    sent.letters += 1


def letter(grant: Grant, person: Any, connection: Any = None) -> EmailMessage:
    """The letter to ``person``, the receiver or the giver. It holds no value of the plant and nothing to click."""
    with translation.override(person.language or settings.LANGUAGE_CODE):
        subject, text = _to_receiver(grant) if person.pk == grant.user_id else _to_giver(grant)
    return EmailMessage(subject, text, to=[person.email], connection=connection)


def _to_receiver(grant: Grant) -> tuple[str, str]:
    facts = _facts(grant)
    ends = _("Your access to %(site)s as %(role)s ends on %(moment)s (%(zone)s).") % facts
    todo = _("If you need it longer, ask whoever runs your site's accounts before then.")
    return _("Your access to %(site)s ends on %(moment)s (%(zone)s)") % facts, f"{ends}\n\n{todo}\n"


def _to_giver(grant: Grant) -> tuple[str, str]:
    facts = _facts(grant)
    holds = _("%(person)s holds the role %(role)s at %(site)s until %(moment)s (%(zone)s). You gave it: %(reason)s")
    todo = _("If it is still needed, extend it in the administration pages, Grants. Otherwise there is nothing to do.")
    subject = _("The access of %(person)s to %(site)s ends on %(moment)s (%(zone)s)")
    return subject % facts, f"{holds % facts}\n\n{todo}\n"


def _facts(grant: Grant) -> dict[str, str]:
    local = grant.valid_until.astimezone(zoneinfo.ZoneInfo(grant.site.time_zone))
    return {
        "person": _line(grant.user.get_username()),
        "site": _line(grant.site.name),
        "role": _line(role_words(grant.role.name)),
        "moment": f"{date_text(local)} {local:%H:%M}",
        "zone": grant.site.time_zone,
        "reason": _line(grant.reason),
    }


def _line(text: str) -> str:
    return " ".join(text.split())  # no line break reaches a header
