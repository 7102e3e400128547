"""Watching a model's rows: what a save really changed, told once, inside the transaction that changed it.

A model that is watched saves inside ``transaction.atomic``: an event that cannot be stored takes the change with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_save

from accounts.audit.context import current_person
from accounts.audit.recording import record

Before = dict[str, Any]
Saved = Callable[[Any, frozenset[str], Before], None]  # the row, the fields that differ, their values before
Gone = Callable[[Any], None]


def watch(
    model: type[Model], fields: Iterable[str], *, added: Gone, changed: Saved, deleted: Gone | None = None
) -> None:
    """Call ``added``, ``changed`` or ``deleted`` after each save or deletion that made a difference to ``fields``."""
    names = tuple(fields)

    def before_save(instance: Any, update_fields: Any = None, **_facts: Any) -> None:
        instance.audit_before = None
        wanted = [name for name in names if update_fields is None or name in update_fields]
        if not instance._state.adding and wanted:  # noqa: SLF001 - Django's own name for it
            # pylint: the manager of a historical or filtered kind is not wanted here
            instance.audit_before = model._base_manager.filter(pk=instance.pk).values(*wanted).first()  # noqa: SLF001

    def after_save(instance: Any, created: bool, **_facts: Any) -> None:
        before: Before | None = instance.__dict__.pop("audit_before", None)
        if created:
            added(instance)
        elif before is not None:
            differing = frozenset(name for name, value in before.items() if getattr(instance, name) != value)
            if differing:
                changed(instance, differing, before)

    def after_delete(instance: Any, **_facts: Any) -> None:
        if deleted is not None:
            deleted(instance)

    label = model._meta.label  # noqa: SLF001
    pre_save.connect(before_save, sender=model, weak=False, dispatch_uid=f"audit.{label}.before")
    post_save.connect(after_save, sender=model, weak=False, dispatch_uid=f"audit.{label}.save")
    post_delete.connect(after_delete, sender=model, weak=False, dispatch_uid=f"audit.{label}.delete")


def note(tag: str, *, subject: str, **values: Any) -> None:
    """Record a change that is done, by whoever is acting right now. ``AuditUnavailable`` undoes the change."""
    record(tag, actor=current_person(), result="done", subject=subject, **values)
