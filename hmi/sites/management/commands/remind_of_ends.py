"""``manage.py remind_of_ends``: write to people and to those who gave them access before it ends; run it once a day."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hmi.sites.access_request_letters import send_due
from hmi.sites.reminders import send_reminders
from hmi.sites.view_as import end_overdue


class Command(BaseCommand):
    help = "Send the letters that say, 7 and 1 day before, that a grant ends; and those about requests that did not go."

    def handle(self, *args: Any, **options: Any) -> None:
        end_overdue()
        if settings.EMAIL_BACKEND.endswith(".dummy.EmailBackend"):
            raise CommandError("No mail server is set: set SIGHTLINE_EMAIL_HOST (docs/configuration.md).")
        unsent = send_due()
        try:
            sent = send_reminders()
        except OSError as error:
            raise CommandError(f"The mail server {settings.EMAIL_HOST} cannot be reached: {error}.") from error
        self.stdout.write(f"{sent.letters} letter(s) sent.")
        if sent.without_address:
            self.stderr.write("No mail address: " + ", ".join(sorted(sent.without_address)) + ".")
        if sent.unsure:
            self.stderr.write(f"{sent.unsure} letter(s) of an earlier run may not have gone: it was ended on the way.")
        if sent.failed or unsent:
            raise CommandError(f"{sent.failed + unsent} letter(s) could not be sent; the next run tries again.")
