"""The demo's people: one per role, each with a random password that is made once and written once."""

from __future__ import annotations

import datetime as dt
import json
import secrets

from django.utils import timezone

from accounts.models import Role, User
from hmi.demo.setting import SITE, Setting, write_private
from hmi.sites.models import Grant, Site

SUPERUSER = "admin"


def ensure_people(setting: Setting) -> list[dict[str, str]]:
    """Create who is missing, and return the sign-ins as ``[{"username", "password", "role"}]``."""
    known: list[dict[str, str]] = []
    if setting.credentials.exists():
        known = json.loads(setting.credentials.read_text(encoding="utf-8"))
    have = {entry["username"] for entry in known if User.objects.filter(username=entry["username"]).exists()}
    people = [entry for entry in known if entry["username"] in have]
    site = Site.objects.get(slug=SITE)
    for role in Role.objects.order_by("pk"):
        username = role.slug
        if username not in have:
            people.append(_create(username, role.name))
        _ensure_grant(User.objects.get(username=username), role, site)
    if SUPERUSER not in have:
        people.append(_create(SUPERUSER, "superuser"))
    write_private(setting.credentials, json.dumps(people, indent=2) + "\n")
    return people


def _create(username: str, role: str) -> dict[str, str]:
    password = secrets.token_urlsafe(15)
    person, _ = User.objects.get_or_create(username=username)
    person.set_password(password)
    person.is_superuser = person.is_staff = role == "superuser"
    person.save()
    return {"username": username, "password": password, "role": role}


def _ensure_grant(person: User, role: Role, site: Site) -> None:
    now = timezone.now()
    standing = Grant.objects.live(now) | Grant.objects.pending(now)
    if standing.filter(user=person, site=site, role=role).exists():
        return
    Grant.objects.create(
        user=person,
        role=role,
        site=site,
        valid_from=now,
        valid_until=now + dt.timedelta(days=role.default_days),
        reason="Demo",
    )
