"""``manage.py announce_issuer_keys``: bring the issuer's present keys to every site now, not at its next session."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.issuer import SigningKeyError, load_ring
from hmi.sites.issuer_keys import announce_keys
from hmi.sites.models import Site


class Command(BaseCommand):
    help = "Open a session to each site and tell its agent the issuer's keys. Fails when a site could not be told."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="*", help="by default every site that is switched on and has a conduit")

    def handle(self, *args: Any, slug: list[str], **options: Any) -> None:
        try:
            ring = load_ring(settings.SIGHTLINE.signing_key)
        except SigningKeyError as error:
            raise CommandError(str(error)) from error
        sites = list(Site.objects.filter(enabled=True, conduit__isnull=False))
        unknown = sorted(set(slug) - {site.slug for site in sites})
        if unknown:
            raise CommandError(f"There is no provisioned site {unknown[0]!r} that is switched on.")
        wanted = [site for site in sites if not slug or site.slug in slug]
        told = asyncio.run(announce_keys(wanted))
        facts = {"kid": str(ring.signing.kid), "sequence": str(ring.sequence)}
        with audit.acting_as():
            for site, trouble in told:
                audit.try_record(
                    "issuer:key:announced", actor=None, result="failed" if trouble else "done",
                    site_id=site.id, site=site.slug, reason=trouble, facts=facts,
                )  # fmt: skip
                self.stdout.write(f"{site.slug}: {trouble or 'has the present keys'}")
        failed = sum(bool(one.trouble) for one in told)
        if failed:
            raise CommandError(f"{failed} of {len(told)} sites could not be told; docs/tokens.md says what to do.")
