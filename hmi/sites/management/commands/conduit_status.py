"""``manage.py conduit_status [SLUG]``: who listens, which rules there are, how old the keys are."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from hmi.sites.conduit_status import key_ages, look_at
from hmi.sites.models import Conduit
from hmi.sites.relay_management import relay_management
from relay_bridge.management import ManagementError, RelayManagement


class Command(BaseCommand):
    help = "Ask the relay how many listeners each conduit has, and say how old its keys are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", nargs="?", help="one site (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        conduits = Conduit.objects.select_related("site").order_by("site__slug")
        if options["slug"]:
            conduits = conduits.filter(site__slug=options["slug"])
            if not conduits:
                raise CommandError(f"There is no provisioned site {options['slug']!r}.")
        failed = 0
        try:
            with relay_management() as management:
                for conduit in conduits:
                    failed += not self._say(management, conduit)
        except ManagementError as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"{failed} conduit(s) could not be looked at.")

    def _say(self, management: RelayManagement, conduit: Conduit) -> bool:
        slug, now = conduit.site.slug, timezone.now()
        try:
            status = look_at(management, conduit, now)
        except ManagementError as error:
            self.stderr.write(f"{slug}: {error}")
            return False
        ages = ", ".join(f"{name} key {days} days old" for name, days in key_ages(conduit, now).items())
        rules = ", ".join(f"{name} ({' '.join(sorted(rights))})" for name, rights in sorted(status.rules.items()))
        if status.listeners is None:
            self.stdout.write(f"{slug}: no hybrid connection at the relay")
        else:
            self.stdout.write(f"{slug}: {status.listeners} listener(s); {ages}; rules: {rules}")
        for warning in status.warnings:
            self.stdout.write(self.style.WARNING(f"  {warning}"))
        return True
