"""``manage.py confirm_enrolment SLUG --comparison TEXT``: let the agent in whose screen reads so, or refuse it.

The same as the page in the administration, for installations where the serving web app may not change the relay.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from hmi.sites.enrolment import NotDone, confirm, refuse
from hmi.sites.enrolment_rows import Enrolment
from relay_bridge.management import ManagementError


class Command(BaseCommand):
    help = "Confirm the agent that used a site's enrolment code, by what the plant reads out, or refuse it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        decision = parser.add_mutually_exclusive_group(required=True)
        decision.add_argument("--comparison", help="the sixteen letters and digits on the screen at the plant")
        decision.add_argument("--refuse", action="store_true", help="end the enrolment: no agent is let in")
        parser.add_argument("--by", default="", help="who does it, for the record (default: this account)")

    def handle(self, *args: Any, **options: Any) -> None:
        live = Enrolment.objects.select_related("site").filter(site__slug=options["slug"], state__in=Enrolment.LIVE)
        enrolment = live.first()
        if enrolment is None:
            raise CommandError(f"No enrolment of a site {options['slug']!r} is open.")
        try:
            if options["refuse"]:
                refuse(enrolment, options["by"], timezone.now())
                self.stdout.write(f"{enrolment.site.name}: refused; the code is worth nothing.")
            else:
                said = confirm(enrolment, options["comparison"], options["by"], timezone.now())
                self.stdout.write(f"{enrolment.site.name}: {said}")
        except (NotDone, ManagementError) as error:
            raise CommandError(str(error)) from error
