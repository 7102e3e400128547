"""``manage.py grant USERNAME ROLE SITE --reason TEXT``: give a person a role at a site for a time.

The rules are the admin's. On a new installation, where there is one administrator and nobody who could give and let
another one approve, whoever has the machine gives and names the administrator: ``--approved-by NAME``.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import Role
from hmi.sites.grant_rules import beside, default_end
from hmi.sites.grants import State
from hmi.sites.models import Grant, Site


class Command(BaseCommand):
    help = "Give a person a role at a site, from now until a time, for a reason."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", help="the role's slug or name, such as viewer or field-operator")
        parser.add_argument("site", help="the site's slug")
        parser.add_argument("--reason", required=True, help="why this person needs this role there")
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--until", help="end as 2027-01-31 or 2027-01-31T14:00+01:00; UTC unless it says otherwise")
        end.add_argument("--days", type=int, help="length in days (default: the role's own)")
        parser.add_argument("--by", help="username of who grants it, for the record; needs the permission to grant")
        parser.add_argument(
            "--approved-by", help="username of the second person who said yes; needs the permission to approve"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        role = Role.objects.filter(Q(slug=options["role"]) | Q(name__iexact=options["role"])).first()
        if role is None:
            known = ", ".join(Role.objects.values_list("slug", flat=True))
            raise CommandError(f"There is no role {options['role']!r}; there are {known}.")
        site = Site.objects.filter(slug=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']!r}.")
        now = timezone.now()
        grant = Grant(
            user=_person(options["username"]),
            role=role,
            site=site,
            valid_from=now,
            reason=options["reason"],
            granted_by=_person(options["by"]) if options["by"] else None,
        )
        grant.valid_until = _end(options, role, grant.user, now)
        try:
            with audit.acting_as(options["by"] or ""), transaction.atomic():
                warning = beside(grant)
                grant.save()
                if options["approved_by"]:
                    grant.approve(_person(options["approved_by"]))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if warning:
            self.stderr.write(warning)
        self.stdout.write(f"{grant} until {grant.valid_until:%Y-%m-%d %H:%M} UTC.")
        if grant.state is State.PENDING:
            self.stdout.write(
                "It opens nothing yet: another administrator approves it in the administration pages, Grants, or say "
                "--approved-by NAME."
            )


def _person(username: str) -> Any:
    person = get_user_model().objects.filter(username=username).first()
    if person is None:
        raise CommandError(f"There is nobody with the username {username!r}.")
    return person


def _end(options: dict[str, Any], role: Role, user: Any, now: dt.datetime) -> dt.datetime:
    days = options["days"]
    if options["until"] is None:
        try:
            return default_end(role, user, now) if days is None else now + dt.timedelta(days=days)
        except OverflowError:
            raise CommandError(f"{days} days is no length of a grant.") from None
    try:
        end = dt.datetime.fromisoformat(options["until"])
    except ValueError:
        raise CommandError(f"{options['until']!r} is no time; write 2027-01-31 or 2027-01-31T14:00+01:00.") from None
    return end if end.tzinfo is not None else end.replace(tzinfo=dt.UTC)
