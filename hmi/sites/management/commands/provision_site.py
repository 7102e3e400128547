"""``manage.py provision_site SLUG --name NAME --out DIR``: make a site and the folder that its agent starts from.

With ``--enrol`` in the place of ``--out DIR`` no key of an agent is made here: a code is shown, with which one enrolls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import audit
from hmi.sites.management.commands.enrolment_code import code_for
from hmi.sites.provisioning import ProvisioningError, SitePlan, provision_site


class Command(BaseCommand):
    help = "Make a site: its place at the relay, its rows, its keys, and the folder that its agent starts from."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in addresses: lower-case letters, digits, hyphens")
        parser.add_argument("--name", required=True, help="the name that people read")
        agent = parser.add_mutually_exclusive_group(required=True)
        agent.add_argument("--out", help="empty or new folder for the agent's files")
        agent.add_argument("--enrol", action="store_true", help="show a code with which its agent enrolls")
        parser.add_argument("--time-zone", default="UTC", help="the site's time zone, such as Europe/Oslo")
        parser.add_argument("--by", default="", help="who does it, for the record (default: this account)")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = SitePlan(
            slug=options["slug"],
            name=options["name"],
            out=Path(options["out"]).expanduser().absolute() if options["out"] else None,
            time_zone=options["time_zone"],
            by=options["by"],
        )
        try:
            with audit.acting_as(plan.by):
                made = provision_site(plan, timezone.now())
        except ProvisioningError as error:
            raise CommandError(str(error)) from error
        if made.site_file is None:
            self.stdout.write(f"{made.site.name} is provisioned.\n{code_for(made.site, plan.by)}")
            return
        if not options["verbosity"]:
            return
        self.stdout.write(
            f"{made.site.name} is provisioned. Its agent's folder is {made.site_file.parent}: add sources and tags to "
            f"{made.site_file.name}, then start sightline-site run --config {made.site_file}\n"
            f"The certificates are valid until {made.identity_ends:%Y-%m-%d}. Nobody can see the site yet: "
            f"grant somebody a role there (manage.py grant, or the admin)."
        )
