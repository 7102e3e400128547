"""``manage.py access_review --from 2027-01-01 --until 2027-04-01``: who had which access in that time, as CSV."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from hmi.sites.access_review import record_export, review_lines
from hmi.sites.models import Site


class Command(BaseCommand):
    help = "Write who had which role where, from when until when, given and approved by whom, and how it ended, as CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="start", required=True, help="first day or moment; UTC unless it says so")
        parser.add_argument("--until", dest="end", help="end, itself not included (default: now)")
        parser.add_argument("--site", help="the slug of one site (default: all)")
        parser.add_argument("--output", type=Path, help="a new file (default: standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        start = _moment(options["start"])
        end = _moment(options["end"]) if options["end"] else now
        if start >= end:
            raise CommandError("The period must end after it starts.")
        site = Site.objects.filter(slug=options["site"]).first() if options["site"] else None
        if options["site"] and site is None:
            raise CommandError(f"There is no site {options['site']!r}.")
        with audit.acting_as():
            record_export(None, start, end, site)
        lines = review_lines(start, end, now, site)
        if options["output"] is None:
            for line in lines:
                self.stdout.write(line, ending="")
            return
        try:
            with options["output"].open("x", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as error:
            raise CommandError(f"{options['output']}: {error.strerror}.") from error


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time; write 2027-01-31 or 2027-01-31T14:00+01:00.") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
