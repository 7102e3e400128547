"""The limit on guessing a tablet's code. It protects a secret, so its rows are in the database."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.oauth.models import WrongCode

WRONG_CODES = 5  # RFC 8628, 5.1: tries in WRONG_CODE_WINDOW, per person and per source
WRONG_CODE_WINDOW = 15 * 60  # seconds


def wait_for_code(user: Any, source: str, now: dt.datetime) -> int:
    """Seconds until this person, or anybody at this source, may type a code again; 0 when they may now."""
    since = now - dt.timedelta(seconds=WRONG_CODE_WINDOW)
    waits = [0]
    for rows in (WrongCode.objects.filter(user=user), WrongCode.objects.filter(source=source)):
        newest = list(rows.filter(at__gt=since).order_by("-at").values_list("at", flat=True)[:WRONG_CODES])
        if len(newest) == WRONG_CODES:
            left = newest[-1] + dt.timedelta(seconds=WRONG_CODE_WINDOW) - now
            waits.append(int(left.total_seconds()) + 1)
    return max(waits)


def count_wrong_code(user: Any, source: str, now: dt.datetime) -> None:
    WrongCode.objects.create(user=user, source=source, at=now)
