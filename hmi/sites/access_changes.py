"""A process-local bell: rings when anything changed that decides who may see what, so that open pages look again.

It is a shortcut, not the guarantee: another process, or SQL by hand, rings no bell here; the sweep over open pages
finds those within its second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save

logger = logging.getLogger(__name__)
Wake = Callable[[], None]
_wakes: list[Wake] = []
_lock = threading.Lock()


def on_change(wake: Wake) -> Callable[[], None]:
    """Call ``wake`` after each change; answers the function that ends it.

    ``wake`` is called in whatever thread made the change, so it must be quick and thread-safe
    (``loop.call_soon_threadsafe(event.set)``).
    """
    with _lock:
        _wakes.append(wake)

    def forget() -> None:
        with _lock:
            if wake in _wakes:
                _wakes.remove(wake)

    return forget


def announce() -> None:
    """Ring now. One listener that fails does not keep the others from hearing it."""
    with _lock:
        wakes = list(_wakes)
    for wake in wakes:
        try:
            wake()
        except Exception:
            logger.exception("A listener to access changes failed.")


def connect() -> None:
    """Listen to the rows that decide access; called once, when the app is ready."""
    from accounts.models import Role  # noqa: PLC0415 - models exist only once the apps are loaded
    from hmi.sites.models import Conduit, Grant, Site  # noqa: PLC0415

    deciding: tuple[type[Model], ...] = (Grant, Role, Site, Conduit, get_user_model())
    for model in deciding:
        post_save.connect(_after_commit, sender=model, dispatch_uid=f"sites.access_changes.{model.__name__}.save")
    ending: tuple[type[Model], ...] = (*deciding, Session)
    for model in ending:
        post_delete.connect(_after_commit, sender=model, dispatch_uid=f"sites.access_changes.{model.__name__}.delete")
    # A session is saved at almost every request and a saved one ends nobody's access: only its deletion rings.


def _after_commit(**_facts: Any) -> None:
    transaction.on_commit(announce)
