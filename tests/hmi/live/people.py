"""Alice operates North, Bob only looks, Charlie is a stranger: rows and signed-in sessions for them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts.models import Role
from accounts.sessions import SEEN_AT, SIGNED_IN_AT
from hmi.sites.models import Grant, Site

PASSWORD = "correct horse battery staple"


def make_person(username: str, **facts: Any) -> Any:
    facts.setdefault("last_login", timezone.now())
    return get_user_model().objects.create_user(username, password=PASSWORD, **facts)


def make_site(slug: str = "north", name: str = "North Terminal") -> Site:
    return Site.objects.create(slug=slug, name=name, time_zone="Europe/Oslo")


def give(user: Any, role: str, site: Site, *, seconds: float = 86_400) -> Grant:
    return Grant.objects.create(
        user=user,
        role=Role.objects.get(slug=role),
        site=site,
        valid_from=timezone.now() - dt.timedelta(minutes=1),
        valid_until=timezone.now() + dt.timedelta(seconds=seconds),
        reason="operates the site",
    )


def sign_in(user: Any) -> SessionStore:
    """A session as the sign-in page leaves it."""
    session = SessionStore()
    now = int(timezone.now().timestamp())
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session[SIGNED_IN_AT] = session[SEEN_AT] = now
    session.create()
    return session


amake_person = sync_to_async(make_person)
amake_site = sync_to_async(make_site)
agive = sync_to_async(give)
asign_in = sync_to_async(sign_in)
