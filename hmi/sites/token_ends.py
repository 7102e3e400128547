"""Ends access tokens the moment what they stood on changes: the grant, its role, the site, the person, the session.

It happens inside the transaction that makes the change: either both are done or neither.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete, post_save
from oauth2_provider.models import get_access_token_model


def end_tokens(**about: Any) -> int:
    """Delete the access tokens opened under grants; ``about`` narrows them (``grant__site=site``). Answers how many."""
    from hmi.sites.models import SiteAccessToken  # noqa: PLC0415 - models exist only once the apps are loaded

    doomed = SiteAccessToken.objects.filter(**about).values_list("token_id", flat=True)
    tokens = get_access_token_model().objects.filter(pk__in=list(doomed))
    count = len(tokens)
    tokens.delete()
    return count


def connect() -> None:
    from accounts.models import Role  # noqa: PLC0415
    from hmi.sites.models import Grant, Site  # noqa: PLC0415

    post_save.connect(_grant_saved, sender=Grant, dispatch_uid="sites.token_ends.grant")
    post_save.connect(_role_saved, sender=Role, dispatch_uid="sites.token_ends.role")
    post_save.connect(_site_saved, sender=Site, dispatch_uid="sites.token_ends.site")
    post_save.connect(_user_saved, sender=get_user_model(), dispatch_uid="sites.token_ends.user")
    post_delete.connect(_session_deleted, sender=Session, dispatch_uid="sites.token_ends.session")


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
