"""What is recorded of every other row that is changed in the administration: models without events of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

from accounts.audit.changes import note
from accounts.audit.context import current_request

# Their changes are recorded by name, wherever they are made.
_OWN_EVENTS = {
    "oauth2_provider.AccessToken",
    "accounts.User",
    "accounts.Role",
    "auth.Group",
    "sites.Site",
    "sites.Conduit",
    "sites.ConduitChange",
    "sites.Grant",
}


_by_name: ContextVar[bool] = ContextVar("audit_recorded_by_name", default=False)


@contextlib.contextmanager
def recorded_by_name() -> Iterator[None]:
    """What is changed inside has an event of its own, so its rows are not recorded one by one."""
    token = _by_name.set(True)
    try:
        yield
    finally:
        _by_name.reset(token)


def connect() -> None:
    post_save.connect(_saved, dispatch_uid="audit.admin.saved")
    post_delete.connect(_deleted, dispatch_uid="audit.admin.deleted")


def has_own_events(model: type[Model]) -> None:
    """Say that changes of ``model`` are recorded elsewhere, so that each is recorded once."""
    _OWN_EVENTS.add(model._meta.label)  # noqa: SLF001 - Django's own name for it


def _saved(sender: Any, instance: Any, created: bool, **_facts: Any) -> None:
    if _is_administered(sender):
        _note("admin:row:added" if created else "admin:row:changed", instance)


def _deleted(sender: Any, instance: Any, **_facts: Any) -> None:
    if _is_administered(sender):
        _note("admin:row:deleted", instance)


def _is_administered(model: Any) -> bool:
    request = current_request()
    if request is None or _by_name.get() or model is LogEntry or model._meta.label in _OWN_EVENTS:  # noqa: SLF001
        return False
    match = getattr(request, "resolver_match", None)
    return match is not None and match.app_name == "admin" and admin.site.is_registered(model)


def _note(tag: str, instance: Any) -> None:
    note(tag, subject=f"{instance.pk} {instance}", facts={"model": instance._meta.label_lower})  # noqa: SLF001
