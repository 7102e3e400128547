"""Ends access tokens the moment what they stood on changes: the grant, its role, the site, the person, the session.

It happens inside the transaction that makes the change: either both are done or neither. The other way round, whoever
ends an access token (the administration's list) ends the pages and calls under it: after the commit the bell rings,
and the other web processes read of it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_delete
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from accounts.session_moves import session_digest
from hmi.sites import access_changes
from hmi.sites.access_news import AccessNews, tell
from hmi.sites.ended_tokens import note_end

# What made the change tells the pages itself, and in its own words.
_by_a_change: ContextVar[bool] = ContextVar("by_a_change", default=False)


def end_tokens(**about: Any) -> int:
    """Delete the access tokens opened under grants; ``about`` narrows them (``grant__site=site``). Answers how many."""
    from hmi.sites.models import SiteAccessToken  # noqa: PLC0415 - models exist only once the apps are loaded

    doomed = SiteAccessToken.objects.filter(**about).values_list("token_id", flat=True)
    tokens = get_access_token_model().objects.filter(pk__in=list(doomed))
    count = len(tokens)
    changing = _by_a_change.set(True)
    try:
        tokens.delete()
    finally:
        _by_a_change.reset(changing)
    return count


def connect() -> None:
    from accounts.models import Role  # noqa: PLC0415
    from hmi.sites.models import Grant, Site  # noqa: PLC0415

    post_save.connect(_grant_saved, sender=Grant, dispatch_uid="sites.token_ends.grant")
    post_save.connect(_role_saved, sender=Role, dispatch_uid="sites.token_ends.role")
    post_save.connect(_site_saved, sender=Site, dispatch_uid="sites.token_ends.site")
    post_save.connect(_user_saved, sender=get_user_model(), dispatch_uid="sites.token_ends.user")
    post_delete.connect(_session_deleted, sender=Session, dispatch_uid="sites.token_ends.session")
    pre_delete.connect(_token_going, sender=get_access_token_model(), dispatch_uid="sites.token_ends.token")


def _grant_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created:
        end_tokens(grant=instance)


def _role_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created:
        end_tokens(grant__role=instance)


def _site_saved(instance: Any, **_facts: Any) -> None:
    if not instance.enabled:
        end_tokens(grant__site=instance)


def _user_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created and (not instance.is_active or instance.is_superuser):
        end_tokens(grant__user=instance)


def _session_deleted(instance: Any, **_facts: Any) -> None:
    end_tokens(session_key=instance.session_key)


def _token_going(instance: Any, **_facts: Any) -> None:
    """One that has expired ends nothing, and a renewed one is no longer linked when its old row goes."""
    from hmi.sites.models import SiteAccessToken  # noqa: PLC0415

    if _by_a_change.get() or instance.expires <= timezone.now():
        return
    link = SiteAccessToken.objects.filter(token=instance).first()
    if link is not None:
        # In the same transaction: nothing else says afterwards that it was ended before its time.
        tell(AccessNews.Kind.TOKEN, grant_id=link.grant_id, session=session_digest(link.session_key))
        transaction.on_commit(lambda: _note(link.grant_id, link.session_key))


def _note(grant_id: UUID, session_key: str) -> None:
    note_end(grant_id, session_key)
    access_changes.ring()
