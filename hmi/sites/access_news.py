"""What one web process tells the others about access: small rows in the database that each of them reads every second.

    change   something that decides access was changed: look at everything
    token    the access token of this grant and this signed-in session was ended by hand
    moved    this signed-in session goes on under another key

The rows hold identifiers only; a session stands as a digest of its key, which opens nothing. What a row of kind
``token`` says stands nowhere else, so it is written in the transaction that ends the token. The others only save
time: a process that missed one finds the same by looking (hmi/live/access_watch.py).
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError, models, transaction

logger = logging.getLogger(__name__)

KEEP = 600.0  # seconds that a row stays; whoever reads less often than this holds no open page
PRUNE_EVERY = 64  # rows between two removals of old ones
PAGE = 500  # rows read at once
MOST_AT_ONCE = 4000  # rows taken in one reading; more means: everything may have ended
OVERLAP = 10.0  # seconds after which no row with a lower number appears any more (a slow transaction's)
FIRST_LOOK_BACK = 60.0  # seconds
STEADY = 5.0  # seconds between two readings that count as reading all the time
SKEW = 5.0  # seconds that the clocks of two machines may differ

_name = secrets.token_hex(8)


class AccessNews(models.Model):
    """One piece of news. ``at`` in epoch ms by the teller's clock; ``origin`` names the process that told it."""

    class Kind(models.TextChoices):
        CHANGE = "change"
        TOKEN = "token"  # noqa: S105 - a kind of news
        MOVED = "moved"

    at = models.BigIntegerField()
    origin = models.CharField(max_length=40)
    kind = models.CharField(max_length=8, choices=Kind)
    grant_id = models.UUIDField(null=True)
    session = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


def own_origin() -> str:
    """This process; a fork of it is another one."""
    return f"{_name}-{os.getpid()}"


def tell(kind: AccessNews.Kind, *, grant_id: UUID | None = None, session: str = "") -> None:
    """Write one row, in the caller's transaction if there is one; ``session`` is a ``session_digest``."""
    now_ms = time.time_ns() // 1_000_000
    row = AccessNews.objects.create(at=now_ms, origin=own_origin(), kind=kind, grant_id=grant_id, session=session)
    if row.pk % PRUNE_EVERY == 0:
        AccessNews.objects.filter(at__lt=now_ms - int(KEEP * 1000)).delete()


def try_to_tell(kind: AccessNews.Kind, *, session: str = "") -> None:
    """The same for news that others also find by looking: what goes wrong stands in the log."""
    try:
        with transaction.atomic():  # a savepoint, where the caller has a transaction that must not break with it
            tell(kind, session=session)
    except DatabaseError as error:
        logger.warning("Other web processes were not told at once of a change of access: %s", error)


class Reader:
    """One process's place in the news. ``read`` is called from several threads.

    ``ended``: an access token ended (grant, session's digest, monotonic seconds). ``moved``: a session moved. ``lost``:
    more happened than is read at once, so anything opened before that moment may have ended.
    """

    def __init__(
        self,
        *,
        ended: Callable[[UUID, str, float], None],
        moved: Callable[[str], None],
        lost: Callable[[float], None],
    ) -> None:
        self._ended, self._moved, self._lost = ended, moved, lost
        self._lock = threading.Lock()
        self._floor = 0  # every row up to this number was seen
        self._seen: OrderedDict[int, float] = OrderedDict()  # rows above it, and when they were (monotonic seconds)
        self._read_at = float("-inf")

    def read(self) -> bool:
        """Take what is new; True when another process told something. Raises ``DatabaseError``."""
        with self._lock:
            now = time.monotonic()
            if self._read_at == float("-inf"):
                self._skip_old()
            rows, complete = self._new_rows()
            foreign = [row for row in rows if row.origin != own_origin()]
            for row in foreign:
                self._take(row, self._moment(row, now))
            if complete:
                self._note_seen([row.pk for row in rows], now)
            else:
                self._go_on_behind()
            self._read_at = now
            return bool(foreign) or not complete

    def _skip_old(self) -> None:
        """What is older than any page that this process can have open by now."""
        before = AccessNews.objects.filter(at__lt=int((time.time() - FIRST_LOOK_BACK) * 1000))
        self._floor = before.order_by("-pk").values_list("pk", flat=True).first() or 0

    def _new_rows(self) -> tuple[list[AccessNews], bool]:
        rows: list[AccessNews] = []
        last = self._floor
        while True:
            page = list(AccessNews.objects.filter(pk__gt=last).order_by("pk")[:PAGE])
            rows += [row for row in page if row.pk not in self._seen]
            if len(page) < PAGE:
                return rows, True
            if len(rows) >= MOST_AT_ONCE:
                return rows, False
            last = page[-1].pk

    def _take(self, row: AccessNews, moment: float) -> None:
        if row.kind == AccessNews.Kind.TOKEN and row.grant_id is not None:
            self._ended(row.grant_id, row.session, moment)
        elif row.kind == AccessNews.Kind.MOVED:
            self._moved(row.session)

    def _moment(self, row: AccessNews, now: float) -> float:
        """When it happened at the latest, in our monotonic seconds.

        Who reads all the time reads it just after it happened. Who begins to read goes by the clocks, and leaves room
        for their difference: a page that opened again a moment after the end is asked to do so once more.
        """
        if now - self._read_at <= STEADY:
            return now
        return now - max(0.0, time.time() - row.at / 1000 - SKEW)

    def _go_on_behind(self) -> None:
        """Too many to take one by one: everything that was opened before now may have ended."""
        newest = AccessNews.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._floor, self._seen = max(newest, self._floor), OrderedDict()
        self._lost(time.monotonic())

    def _note_seen(self, numbers: list[int], now: float) -> None:
        for number in numbers:
            self._seen[number] = now
        while self._seen:
            number, at = next(iter(self._seen.items()))
            if now - at < OVERLAP:
                break
            del self._seen[number]
            self._floor = max(self._floor, number)
