"""Letters before access ends: to the right people, once each, and never about what goes on."""

from __future__ import annotations

import datetime as dt
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import close_old_connections, connection
from django.utils import timezone, translation
from django.utils.translation import gettext

from hmi.languages.dates import date_text
from hmi.sites.models import Grant, GrantReminder, Site
from hmi.sites.reminders import letter, send_reminders
from tests.hmi.sites.people import give

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def start() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def grant(alice: Any, dora: Any, north: Site, start: dt.datetime) -> Grant:
    for person in (alice, dora):
        person.email = f"{person}@example.com"
        person.save()
    return give(alice, "viewer", north, granted_by=dora, valid_from=start, valid_until=start + 30 * DAY)


def test_person_and_giver_are_told_seven_days_and_one_day_before(grant: Grant) -> None:
    end = grant.valid_until
    told = []
    for hours in range(8 * 24, -2, -1):  # the command runs every hour
        now = end - hours * HOUR
        before = len(mail.outbox)
        send_reminders(now)
        told += [(hours, letter.to[0]) for letter in mail.outbox[before:]]
    assert told == [
        (168, "alice@example.com"),
        (168, "dora@example.com"),
        (24, "alice@example.com"),
        (24, "dora@example.com"),
    ]
    assert GrantReminder.objects.filter(sent_at__isnull=False).count() == 4


def test_letter_says_site_role_and_hour_there(grant: Grant) -> None:
    grant.site.name = "North\r\nBcc: everybody@example.com"
    grant.site.save()
    send_reminders(grant.valid_until - DAY)
    to_alice, to_dora = mail.outbox
    assert re.match(
        r"Your access to North Bcc: everybody@example.com ends on \d+ \w+ 20\d\d \d\d:\d\d", to_alice.subject
    )
    assert "(Europe/Oslo)" in to_alice.subject
    assert "as viewer ends" in to_alice.body
    assert "alice holds the role viewer" in to_dora.body
    assert to_alice.bcc == to_alice.cc == []
    assert "http" not in to_alice.body + to_dora.body


def test_letter_is_in_the_language_that_its_reader_chose(grant: Grant, alice: Any, dora: Any) -> None:
    grant.valid_until = dt.datetime(2031, 5, 4, 12, 0, tzinfo=dt.UTC)
    alice.language = "fi"
    with translation.override("de"):  # whoever happens to be served when the letter is written
        to_alice, to_dora = letter(grant, alice), letter(grant, dora)
        spoken = translation.get_language()
    with translation.override("fi"):
        words = gettext("Your access to %(site)s ends on %(moment)s (%(zone)s)")
        moment = f"{date_text(dt.date(2031, 5, 4))} 14:00"
    assert to_alice.subject == words % {"site": "North Terminal", "moment": moment, "zone": "Europe/Oslo"}
    assert to_dora.subject == "The access of alice to North Terminal ends on 4 May 2031 14:00 (Europe/Oslo)"
    assert spoken == "de"


def test_late_start_of_the_command_sends_the_nearest_letter_only(grant: Grant) -> None:
    send_reminders(grant.valid_until - HOUR)
    send_reminders(grant.valid_until - HOUR / 2)
    assert sorted(GrantReminder.objects.values_list("days", flat=True)) == [1, 1]
    assert len(mail.outbox) == 2


def test_lengthened_grant_is_told_of_its_new_end(grant: Grant) -> None:
    send_reminders(grant.valid_until - 5 * DAY)
    grant.valid_until += 30 * DAY
    grant.save()
    send_reminders(grant.valid_until - 30 * DAY)
    assert len(mail.outbox) == 2
    send_reminders(grant.valid_until - 5 * DAY)
    assert len(mail.outbox) == 4


@pytest.mark.parametrize("what", ["revoked", "closed", "goes on", "pending", "short"])
def test_nobody_is_told_of_what_is_over_or_goes_on(
    approval: None, grant: Grant, alice: Any, bob: Any, erin: Any, start: dt.datetime, what: str
) -> None:
    end = grant.valid_until
    if what == "revoked":
        grant.revoke()
    elif what == "closed":
        alice.is_active = False
        alice.save()
    elif what == "goes on":
        give(alice, "viewer", grant.site, valid_from=end, valid_until=end + 9 * DAY)
    elif what == "pending":
        grant.revoke()
        give(alice, "field-operator", grant.site, valid_from=start, valid_until=end)
    else:  # a contractor's week is no news seven days before its end
        grant.revoke()
        give(alice, "viewer", grant.site, valid_from=end - 7 * DAY, valid_until=end)
        send_reminders(end - 7 * DAY + HOUR)
        assert mail.outbox == []
        return
    send_reminders(end - DAY)
    assert mail.outbox == []


def test_a_following_grant_that_waits_for_approval_keeps_nobody_quiet(
    approval: None, grant: Grant, alice: Any, start: dt.datetime, erin: Any
) -> None:
    grant.revoke()
    end = start + 10 * DAY
    operating = give(alice, "field-operator", grant.site, valid_from=start, valid_until=end)
    operating.approve(erin)
    give(alice, "field-operator", grant.site, valid_from=end, valid_until=end + DAY)
    send_reminders(end - DAY)
    assert [letter.to for letter in mail.outbox] == [["alice@example.com"]]


def test_who_has_no_address_is_named(bob: Any, bobs_grant: Grant, settings: Any, capsys: Any, now_is: Any) -> None:
    now_is(bobs_grant.valid_until - DAY)
    call_command("remind_of_ends")
    said = capsys.readouterr()
    assert "0 letter(s) sent" in said.out
    assert "No mail address: bob." in said.err


def test_without_a_mail_server_the_command_says_what_to_set(db: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    with pytest.raises(CommandError, match="SIGHTLINE_EMAIL_HOST"):
        call_command("remind_of_ends")


# --- a real mail server ------------------------------------------------------------------------------------------


class MailServer(threading.Thread):
    """Just enough of RFC 5321 on loopback; ``refuse`` lets every letter fail."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.letters: list[str] = []
        self.refuse = False

    def run(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb", buffering=0) as lines:
                self._talk(lines)

    def _talk(self, lines: Any) -> None:
        lines.write(b"220 test\r\n")
        while line := lines.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                lines.write(b"354 go on\r\n")
                letter = b""
                while (line := lines.readline()) not in (b".\r\n", b""):
                    letter += line
                self.letters.append(letter.decode())
            if verb == b"QUIT":
                lines.write(b"221 bye\r\n")
                return
            lines.write(b"451 later\r\n" if self.refuse and verb == b"RCPT" else b"250 ok\r\n")


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", server.port, False
    yield server
    server.socket.close()


def test_letter_that_the_server_refuses_goes_with_the_next_run(
    grant: Grant, mail_server: MailServer, now_is: Callable[[dt.datetime], None]
) -> None:
    now_is(grant.valid_until - DAY)
    mail_server.refuse = True
    with pytest.raises(CommandError, match=r"2 letter\(s\) could not be sent"):
        call_command("remind_of_ends")
    mail_server.refuse = False
    call_command("remind_of_ends")
    call_command("remind_of_ends")
    assert len(mail_server.letters) == 2


def test_letter_left_half_sent_is_not_sent_again_but_told(grant: Grant) -> None:
    GrantReminder.objects.create(grant=grant, ends_at=grant.valid_until, days=1, to=grant.user)
    sent = send_reminders(grant.valid_until - DAY)
    assert (sent.letters, sent.unsure) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_two_programs_at_once_send_each_letter_once(grant: Grant, mail_server: MailServer) -> None:
    def run() -> None:
        try:
            send_reminders(grant.valid_until - DAY)
        finally:
            close_old_connections()
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(mail_server.letters) == 2
