"""Looking at a site as another person does: for an administrator, for a quarter of an hour, to read and never to write.

It lends no rights. Values are asked for under the administrator's own live grant, or not at all; what is borrowed is
the other person's point of view: which pages there are, and what their role shows on them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from accounts import audit
from accounts.audit.recording import person_subject
from hmi.sites.models import Site, ViewAs

LONGEST = dt.timedelta(minutes=15)
PERMISSION = "sites.view_as"


def may_view_as(person: Any) -> bool:
    return bool(person.is_active and person.is_staff and person.has_perm(PERMISSION))


@transaction.atomic
def begin(admin: Any, person: Any, site: Site, session_key: str, now: dt.datetime | None = None) -> ViewAs:
    """Begin; another one of this session ends. ``ValidationError`` says why not. Recorded, or it does not begin."""
    now = now or timezone.now()
    if not may_view_as(admin):
        raise ValidationError(f"{admin} may not look at a site as another person: that needs {PERMISSION}.")
    if person.pk == admin.pk:
        raise ValidationError("You see your own sites under My sites.")
    if not session_key:
        raise ValidationError("Sign in first.")
    end_all(session_key, "another begun", now)
    view = ViewAs.objects.create(
        admin=admin, person=person, site=site, session_digest=_digest(session_key), begun_at=now, ends_at=now + LONGEST
    )
    _record("grant:view-as:begun", view, {"until": f"{view.ends_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"})
    return view


def current(admin: Any, session_key: str | None, now: dt.datetime | None = None) -> ViewAs | None:
    """What this session is looking at as somebody else; one that is over is ended here, and is ``None``."""
    now = now or timezone.now()
    if not session_key:
        return None
    view = (
        ViewAs.objects.select_related("admin", "person", "site")
        .filter(session_digest=_digest(session_key), ended_at__isnull=True)
        .first()
    )
    if view is None:
        return None
    if now >= view.ends_at:
        end(view, "after its time", now)
        return None
    if view.admin_id != admin.pk or not may_view_as(admin):
        end(view, "permission lost", now)
        return None
    return view


@transaction.atomic
def end(view: ViewAs, how: str, now: dt.datetime | None = None) -> None:
    """End it, once; ``how`` in words, for the record."""
    now = now or timezone.now()
    if ViewAs.objects.filter(pk=view.pk, ended_at__isnull=True).update(ended_at=min(now, view.ends_at)):
        _record("grant:view-as:ended", view, {"how": how})


def end_all(session_key: str, how: str, now: dt.datetime | None = None) -> None:
    """End what a session is looking at."""
    open_views = ViewAs.objects.select_related("admin", "person", "site").filter(
        session_digest=_digest(session_key), ended_at__isnull=True
    )
    for view in open_views:
        end(view, how, now)


def end_overdue(now: dt.datetime | None = None) -> int:
    """Record the end of those whose administrator never came back; run daily. Answers how many."""
    now = now or timezone.now()
    overdue = list(
        ViewAs.objects.select_related("admin", "person", "site").filter(ended_at__isnull=True, ends_at__lte=now)[:1000]
    )
    for view in overdue:
        end(view, "after its time", now)
    return len(overdue)


def connect() -> None:
    """Called once, when the app is ready: a session that ends takes this with it."""
    post_delete.connect(_session_deleted, sender=Session, dispatch_uid="sites.view_as.session")


def _session_deleted(instance: Any, **_facts: Any) -> None:
    end_all(instance.session_key, "signed out")


def _digest(session_key: str) -> str:
    return hashlib.sha256(f"view-as:{session_key}".encode()).hexdigest()


def _record(tag: str, view: ViewAs, facts: dict[str, str]) -> None:
    audit.record(
        tag, actor=view.admin, result="done", site_id=view.site_id, site=view.site.slug, subject=str(view.pk),
        facts={"person": person_subject(view.person)} | facts,
    )  # fmt: skip
