"""Letters about requests: to those who may give and to the asker, once, and without waiting for a dead mail server."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone, translation
from django.utils.translation import gettext

from accounts.roles import role_words
from hmi.languages.dates import date_text
from hmi.sites.access_request_letters import send_due, send_letters
from hmi.sites.access_request_rules import ask, decline, grant_as_asked
from hmi.sites.access_requests import AccessRequest
from hmi.sites.models import Site
from tests.hmi.sites.people import make_administrator, role

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(charlie: Any, dora: Any, erin: Any, north: Site) -> AccessRequest:
    make_administrator("finn", "view_grant", email="finn@example.com")
    make_administrator("gone", email="gone@example.com", is_active=False)
    for person in (charlie, dora, erin):
        person.email = f"{person}@example.com"
        person.save()
    day = timezone.now().date() + dt.timedelta(days=3)
    return ask(charlie, slug="north", role=role("viewer"), last_day=day, reason="stock\r\nBcc: all@example.com")


def test_givers_are_told_once_and_see_no_addresses(asked: AccessRequest) -> None:
    assert send_letters(asked) and send_letters(asked) and send_due() == 0
    (letter,) = mail.outbox
    assert (letter.to, sorted(letter.bcc)) == ([], ["dora@example.com", "erin@example.com"])
    assert letter.subject == "charlie asks for access to north"
    assert "http" not in letter.body and "stock Bcc: all@example.com" in letter.body


def test_givers_of_two_languages_get_a_letter_each(asked: AccessRequest, dora: Any) -> None:
    dora.language = "fi"
    dora.save()
    asked.last_day = dt.date(2031, 5, 4)
    assert send_letters(asked)
    letters = {letter.bcc[0]: letter.body for letter in mail.outbox}
    assert sorted(letters) == ["dora@example.com", "erin@example.com"]
    with translation.override("fi"):
        words = gettext("%(person)s asks for the role %(role)s at %(site)s, last day %(day)s:")
        facts = {"person": "charlie", "role": role_words("viewer"), "site": "north", "day": date_text(asked.last_day)}
    assert letters["dora@example.com"].startswith(words % facts)
    assert letters["erin@example.com"].startswith("charlie asks for the role viewer at north, last day 4 May 2031:")


def test_asker_is_told_of_a_no_and_of_a_yes_that_waits(
    approval: None, asked: AccessRequest, charlie: Any, dora: Any, north: Site
) -> None:
    send_letters(asked)
    decline(asked, dora, "Not this week.")
    assert send_due() == 0
    assert (mail.outbox[1].to, mail.outbox[1].body) == (["charlie@example.com"], "Not this week.\n")
    day = timezone.now().date() + dt.timedelta(days=3)
    again = ask(charlie, slug="north", role=role("field-operator"), last_day=day, reason="night shift")
    grant_as_asked(again, dora)
    send_due()
    assert mail.outbox[2].subject == "Your request for north waits for a second person"


def test_dead_mail_server_holds_up_nothing_and_is_tried_again(settings: Any, asked: AccessRequest) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = closed.getsockname()[1]
    before, settings.EMAIL_HOST = settings.EMAIL_BACKEND, "127.0.0.1"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert not send_letters(asked)
    settings.EMAIL_BACKEND = before
    assert send_due() == 0 and len(mail.outbox) == 1


def test_without_a_mail_server_nothing_is_marked(settings: Any, asked: AccessRequest) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert send_letters(asked)
    asked.refresh_from_db()
    assert asked.givers_told_at is None
