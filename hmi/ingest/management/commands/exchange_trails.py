"""``manage.py exchange_trails``: compare the audit trail with every site's journal now, whoever watches."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from hmi.ingest.trail_exchange import Exchanged, exchange_once
from hmi.sites.models import Site


class Command(BaseCommand):
    help = "Open a short session to each site and tell each other where the audit trails stand. For cron, every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="by default every site that is switched on and has a conduit")

    def handle(self, *args: Any, slug: list[str], **options: Any) -> None:
        sites = list(Site.objects.filter(enabled=True, conduit__isnull=False))
        unknown = sorted(set(slug) - {site.slug for site in sites})
        if unknown:
            raise CommandError(f"There is no provisioned site {unknown[0]!r} that is switched on.")
        with audit.acting_as():
            done = asyncio.run(exchange_once(site for site in sites if not slug or site.slug in slug))
        for one in done:
            self.stdout.write(f"{one.site.slug}: {_words(one)}")
        found = [one.site.slug for one in done if one.contradictions]
        if found:
            raise CommandError(f"The trails contradict each other at {', '.join(found)}: run manage.py audit verify.")
        failed = sum(bool(one.trouble) for one in done)
        if failed:
            raise CommandError(f"{failed} of {len(done)} sites could not be asked.")


def _words(one: Exchanged) -> str:
    if one.contradictions:
        return f"{one.contradictions} contradiction(s); they stand in the audit trail"
    return one.trouble or "each knows where the other stands, and nothing contradicts"
