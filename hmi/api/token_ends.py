"""Ends other applications' tokens with what they stood on: the grant, its role, the site.

In the transaction that makes the change, as hmi/sites/token_ends.py does for first-party tokens. It is not the
guarantee: every call of the API asks for the grant again.
"""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from accounts.oauth.authorizations import end_what_no_longer_holds


def connect() -> None:
    from accounts.models import Role  # noqa: PLC0415 - models exist only once the apps are loaded
    from hmi.sites.models import Grant, Site  # noqa: PLC0415

    post_save.connect(_grant_saved, sender=Grant, dispatch_uid="api.token_ends.grant")
    post_save.connect(_role_saved, sender=Role, dispatch_uid="api.token_ends.role")
    post_save.connect(_site_saved, sender=Site, dispatch_uid="api.token_ends.site")


def _grant_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created:
        end_what_no_longer_holds(grant_id=instance.pk)


def _role_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created:
        end_what_no_longer_holds(grant_id__in=list(instance.grants.values_list("pk", flat=True)))


def _site_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if not created:
        end_what_no_longer_holds(site_id=instance.pk)
