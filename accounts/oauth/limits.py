"""The limit on guessing a tablet's code. It protects a secret, so its rows are in the database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from accounts.oauth.models import WrongCode

WRONG_CODES = 5  # RFC 8628, 5.1: tries in WRONG_CODE_WINDOW, per person and per source
WRONG_CODE_WINDOW = 15 * 60  # seconds
_POSTGRES_LOCK = 0x434F4445  # "CODE": the advisory lock of whoever counts a try


@dataclass(frozen=True)
class Try:
    """``wait``: seconds until this person, or anybody at this source, may type a code again; 0: look at this one."""

    wait: int
    row: WrongCode | None = None

    def was_right(self) -> None:
        """Take the try back: only wrong codes count."""
        if self.row is not None:
            self.row.delete()


@transaction.atomic
def count_try(user: Any, source: str, now: dt.datetime) -> Try:
    """Count a try *before* its code is looked at, so that a thousand sent at the same moment are five tries.

    One is counted at a time: SQLite's transactions begin IMMEDIATE, PostgreSQL has an advisory lock until the commit.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POSTGRES_LOCK])
    wait = _wait(user, source, now)
    return Try(wait) if wait else Try(0, WrongCode.objects.create(user=user, source=source, at=now))


def _wait(user: Any, source: str, now: dt.datetime) -> int:
    since = now - dt.timedelta(seconds=WRONG_CODE_WINDOW)
    waits = [0]
    for rows in (WrongCode.objects.filter(user=user), WrongCode.objects.filter(source=source)):
        newest = list(rows.filter(at__gt=since).order_by("-at").values_list("at", flat=True)[:WRONG_CODES])
        if len(newest) == WRONG_CODES:
            left = newest[-1] + dt.timedelta(seconds=WRONG_CODE_WINDOW) - now
            waits.append(int(left.total_seconds()) + 1)
    return max(waits)
