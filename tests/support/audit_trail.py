"""The trail as tests need it: emptied with the rest of the database, and opened up for those who manipulate it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import post_migrate

from accounts.audit.triggers import triggers_for

TABLES = ("audit_event", "audit_checkpoint", "audit_retired")


@contextlib.contextmanager
def without_triggers() -> Iterator[Any]:
    """What somebody with the database in his hands can do; gives a cursor. Inside a transaction of its own."""
    triggers = triggers_for(connection.vendor)
    with transaction.atomic(), connection.cursor() as cursor:
        for _create, drop in reversed(triggers):
            cursor.execute(drop)
        yield cursor
        for create, _drop in triggers:
            cursor.execute(create)


def forget_events() -> None:
    with without_triggers() as cursor:
        for table in TABLES:
            cursor.execute(f"DELETE FROM {table}")


def forget_events_after_flush() -> None:
    """From now on whatever flushes the database (a transactional test's end) empties the trail too."""
    post_migrate.connect(_flushed, dispatch_uid="tests.audit_trail")
    # Before the accounts put their roles back, which is recorded: a trail whose key lay in the test's own folder, which
    # the settings no longer name, would rightly take nothing.
    post_migrate.receivers.insert(0, post_migrate.receivers.pop())


def _flushed(sender: Any, **_facts: Any) -> None:
    # A flush tells of every app: of the accounts first, and of the trail's own after them.
    if sender.label in {"accounts", "audit"} and set(TABLES) <= set(connection.introspection.table_names()):
        forget_events()
