"""``manage.py cut_off_site SLUG``: close every way to a site, now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from hmi.sites.models import Site
from hmi.sites.provisioning import cut_off_site
from hmi.sites.relay_config import RelayConfigError


class Command(BaseCommand):
    help = "Switch a site off, end its tokens and pages, delete its Send key and pin, take it out of the relay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--relay-config", help="the relay's TOML file (default: SIGHTLINE_RELAY_CONFIG)")

    def handle(self, *args: Any, **options: Any) -> None:
        site = Site.objects.filter(slug=options["slug"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['slug']!r}.")
        relay_config = options["relay_config"] or settings.SIGHTLINE.relay_config
        try:
            done = cut_off_site(site, relay_config and Path(relay_config), timezone.now())
        except (RelayConfigError, OSError) as error:
            raise CommandError(f"{site.name} is switched off, but not cut off from the relay: {error}") from error
        for sentence in done or ["was cut off before"]:
            self.stdout.write(f"{site.name}: {sentence}")
        if relay_config is None:
            self.stdout.write(
                self.style.WARNING(f"{site.name}: no relay configuration was named; take its hybrid connection out.")
            )
