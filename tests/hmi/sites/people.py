"""People, roles and grants as tests need them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import Role
from hmi.sites.models import Grant, Site

PASSWORD = "correct horse battery staple"


def make_person(username: str, **facts: Any) -> Any:
    facts.setdefault("last_login", timezone.now())  # site tokens say when their person signed in
    return get_user_model().objects.create_user(username, password=PASSWORD, **facts)


def make_administrator(username: str = "dora", *permissions: str, **facts: Any) -> Any:
    """Somebody with these permissions of the apps sites and accounts; with all of them when none is named."""
    person = make_person(username, is_staff=True, **facts)
    rows = Permission.objects.filter(content_type__app_label__in=["sites", "accounts"])
    person.user_permissions.set(rows.filter(codename__in=permissions) if permissions else rows)
    return person


def role(slug: str) -> Role:
    return Role.objects.get(slug=slug)


def give(user: Any, role_slug: str, site: Site, *, days: float = 30, **facts: Any) -> Grant:
    facts.setdefault("valid_from", timezone.now() - dt.timedelta(minutes=1))
    facts.setdefault("valid_until", timezone.now() + dt.timedelta(days=days))
    facts.setdefault("reason", "operates the site")
    return Grant.objects.create(user=user, role=role(role_slug), site=site, **facts)
