"""manage.py shift_times SLUG [06:00 14:00 22:00]: says or sets when the shifts of a site begin, by the site's clock."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hmi.shifts.models import ShiftTimes
from hmi.shifts.starts import parse_starts
from hmi.shifts.times import starts_at
from hmi.sites.models import Site


class Command(BaseCommand):
    help = "Say when the shifts of a site begin, or set it: shift_times north 06:00 14:00 22:00"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("starts", nargs="*", metavar="HH:MM")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["slug"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['slug']!r}.")
        if options["starts"]:
            try:
                starts = parse_starts(" ".join(options["starts"]))
            except ValueError as error:
                raise CommandError(str(error)) from None
            text = " ".join(f"{start:%H:%M}" for start in starts)
            ShiftTimes.objects.update_or_create(site=site, defaults={"starts": text})
        words = " ".join(f"{start:%H:%M}" for start in starts_at(site))
        self.stdout.write(f"Shifts at {site.name} begin at {words} ({site.time_zone}).")
