"""A database that takes no changes, as with a full disk: every connection answers them with ``OperationalError``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created


@contextlib.contextmanager
def no_changes() -> Iterator[None]:
    """Needs a transactional test: each connection that the web app opens meanwhile takes no changes either."""
    connection_created.connect(_refuse, dispatch_uid="tests.full_disk")
    connection.close()
    try:
        yield
    finally:
        connection_created.disconnect(dispatch_uid="tests.full_disk")
        connection.close()


@contextlib.contextmanager
def no_events() -> Iterator[None]:
    """Only the audit trail takes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")


def _refuse(sender: Any, connection: Any, **_facts: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = 1")
