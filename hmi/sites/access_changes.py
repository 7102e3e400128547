"""The bell: rings when anything changed that decides who may see what, so that open pages and links look again.

It is a shortcut, not the guarantee: SQL by hand rings no bell, and the sweep over open pages finds that within its
second. In the process that made the change it rings at once, in the others when they read the news (access_news.py).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from accounts import session_moves
from hmi.sites.access_news import AccessNews, Reader, try_to_tell
from hmi.sites.ended_tokens import note_end_of, note_everything

logger = logging.getLogger(__name__)
Wake = Callable[[], None]
_T = TypeVar("_T")
_wakes: list[Wake] = []
_lock = threading.Lock()
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="access-news")
_reader = Reader(ended=note_end_of, moved=session_moves.note_move, lost=note_everything)


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


def ring() -> None:
    """Ring in this process. One listener that fails does not keep the others from hearing it."""
    with _lock:
        wakes = list(_wakes)
    for wake in wakes:
        try:
            wake()
        except Exception:
            logger.exception("A listener to access changes failed.")


def announce() -> None:
    """Ring here now, and in the other web processes as soon as they read the news. Call it after the commit."""
    ring()
    try_to_tell(AccessNews.Kind.CHANGE)


def hear_others() -> bool:
    """Read what other processes told, and ring here when they did. Raises ``DatabaseError``; a query or two."""
    told = _reader.read()
    if told:
        ring()
    return told


def in_own_thread(look: Callable[..., _T]) -> Callable[..., Awaitable[_T]]:
    """A look at who may see what, to be awaited: a slow page must not hold it up, nor it the pages."""
    return database_sync_to_async(look, thread_sensitive=False, executor=_thread)


ahear_others = in_own_thread(hear_others)


def connect() -> None:
    """Listen to the rows that decide access; called once, when the app is ready."""
    from accounts.models import Role  # noqa: PLC0415 - models exist only once the apps are loaded
    from hmi.sites.models import Conduit, Grant, Site  # noqa: PLC0415

    deciding: tuple[type[Model], ...] = (Grant, Role, Site, Conduit, get_user_model())
    for model in deciding:
        post_save.connect(_changed, sender=model, dispatch_uid=f"sites.access_changes.{model.__name__}.save")
        post_delete.connect(_changed, sender=model, dispatch_uid=f"sites.access_changes.{model.__name__}.delete")
    # A session is saved at almost every request and a saved one ends nobody's access: only its deletion rings.
    post_delete.connect(_session_deleted, sender=Session, dispatch_uid="sites.access_changes.Session.delete")
    session_moves.on_move(_session_moved)


def _changed(update_fields: Any = None, **_facts: Any) -> None:
    if update_fields is not None and set(update_fields) <= {"last_login"}:
        return  # somebody signed in: that ends nothing
    # Once for all changes of one transaction, however many rows an administrator ticked. A note that stands by now was
    # made outside of all savepoints but those open now (Django removes the others): it outlives whatever ours would.
    if not any(call is announce for _, call, *_ in transaction.get_connection().run_on_commit):
        transaction.on_commit(announce)


def _session_deleted(instance: Any, **facts: Any) -> None:
    if instance.expire_date > timezone.now():  # the housekeeping removes what has long been over
        _changed(**facts)


def _session_moved(session: str) -> None:
    try_to_tell(AccessNews.Kind.MOVED, session=session)
