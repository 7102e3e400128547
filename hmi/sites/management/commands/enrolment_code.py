"""``manage.py enrolment_code SLUG``: a one-time code with which the agent of a provisioned site enrolls. Shown once."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from hmi.sites.enrolment import NotDone, make_enrolment, refuse
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.models import Site


class Command(BaseCommand):
    help = "Make an enrolment code for a site's agent, or take the one back that was made."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--revoke", action="store_true", help="end what is open instead of making a code")
        parser.add_argument("--by", default="", help="who does it, for the record (default: this account)")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["slug"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['slug']!r}.")
        if options["revoke"]:
            live = list(Enrolment.objects.filter(site=site, state__in=Enrolment.LIVE))
            for enrolment in live:
                refuse(enrolment, options["by"], timezone.now(), "Taken back by command.")
            self.stdout.write(f"{site.name}: {'the code is worth nothing now' if live else 'no code was open'}.")
            return
        self.stdout.write(code_for(site, options["by"]))


def code_for(site: Site, by: str) -> str:
    """A new code, with what to do with it."""
    try:
        made, code = make_enrolment(site, by, timezone.now())
    except NotDone as error:
        raise CommandError(str(error)) from error
    return (
        f"Enrolment code for {site.name}, shown only now, good once and until {made.expires:%H:%M} UTC:\n\n"
        f"    {code}\n\n"
        f"At the plant: sightline-site enrol {settings.PUBLIC_URL} {code}\n"
        "Then type what the plant reads out: administration, Enrolments. Nobody is let in before."
    )
