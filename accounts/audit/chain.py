"""The end of the chain: where the next event is put, under a lock, so that two writers never follow the same row."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.audit.models import Event, RetiredSegment
from relay_bridge.contract.audit import NO_HASH, WEB_CHAIN, event_hash

_POSTGRES_LOCK = 0x5349474854  # "SIGHT": the advisory lock of whoever appends


class Head(NamedTuple):
    """The last event's number and hash; 0 and ``NO_HASH`` for an empty chain."""

    seq: int
    hash: str


def head() -> Head:
    """Where the chain stands now; where the last archived segment ended when nothing came after it."""
    last = Event.objects.order_by("-seq").values_list("seq", "hash").first()
    if last is None:
        last = RetiredSegment.objects.order_by("-last_seq").values_list("last_seq", "last_hash").first()
    return Head(*last) if last is not None else Head(0, NO_HASH)


def append(values: dict[str, Any]) -> Event:
    """Store the event ``values`` at the end of the chain; only inside a transaction, whose lock orders the writers.

    SQLite: our transactions begin IMMEDIATE, so there is one writer at a time. PostgreSQL: an advisory lock that is
    held until the transaction ends. And should both fail, ``seq`` is the primary key: the second writer is refused.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POSTGRES_LOCK])
    last = head()
    seq = last.seq + 1
    digest = event_hash(chain=WEB_CHAIN, seq=seq, previous=last.hash, **values)
    event = Event(seq=seq, previous=last.hash, hash=digest, **values)
    event.save(force_insert=True)
    transaction.on_commit(partial(_sign, Head(seq, digest), values["at"]), robust=True)
    return event


def _sign(stood: Head, at: int) -> None:
    from accounts.audit.checkpoints import sign_head  # noqa: PLC0415 - needs the key's file, only after a commit

    sign_head(stood, at)
