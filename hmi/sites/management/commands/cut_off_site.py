"""``manage.py cut_off_site SLUG``: close every way to a site, now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from hmi.sites.models import Site
from hmi.sites.provisioning import cut_off_site
from relay_bridge.management import ManagementError


class Command(BaseCommand):
    help = "Switch a site off, end its tokens and pages, delete its Send key, its pin and its hybrid connection."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--by", default="", help="who does it, for the record (default: this account)")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["slug"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['slug']!r}.")
        try:
            with audit.acting_as(options["by"]):
                done = cut_off_site(site, timezone.now(), options["by"])
        except (ManagementError, OSError) as error:
            raise CommandError(
                f"{site.name} is switched off here, but its hybrid connection may still stand at the relay: {error} "
                "Run this again, or delete it there."
            ) from error
        for sentence in done or ["was cut off before"]:
            self.stdout.write(f"{site.name}: {sentence}")
