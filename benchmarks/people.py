"""People with a grant at the measured site, each signed in as the sign-in page would leave it."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Any

ROLE = "field-operator"


@dataclass(frozen=True)
class Person:
    """``session`` is the signed-in session, its key what a browser's cookie carries."""

    user: Any
    session: Any


def make_people(site: Any, count: int, *, prefix: str = "bench", grants: bool = True) -> list[Person]:
    """One person for every phone: what ends an access is looked up for each of them, so sharing would flatter."""
    # Imported late: Django must have its settings first.
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: PLC0415
    from django.contrib.sessions.backends.db import SessionStore  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from accounts.models import Role, User  # noqa: PLC0415
    from accounts.sessions import SEEN_AT, SIGNED_IN_AT  # noqa: PLC0415
    from hmi.sites.models import Grant  # noqa: PLC0415

    now = timezone.now()
    role = Role.objects.get(slug=ROLE)
    people = []
    with transaction.atomic():
        users = User.objects.bulk_create(
            [
                User(username=f"{prefix}-{place}", password=f"!{secrets.token_hex(20)}", last_login=now)
                for place in range(count)
            ]
        )
        for user in users:
            if grants:
                Grant.objects.create(
                    user=user, role=role, site=site, valid_from=now - dt.timedelta(minutes=1),
                    valid_until=now + dt.timedelta(days=1), reason="Measurement",
                )  # fmt: skip
            session = SessionStore()
            session[SESSION_KEY] = str(user.pk)
            session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
            session[HASH_SESSION_KEY] = user.get_session_auth_hash()
            session[SIGNED_IN_AT] = session[SEEN_AT] = int(now.timestamp())
            session.create()
            people.append(Person(user, session))
    return people
