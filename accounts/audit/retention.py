"""How old events leave: a whole segment at a time, first into an archive file, then out of the table over a bridge.

    rows 1 .. n  ──►  audit-1-n.jsonl (0600, fsync)  ──►  bridge row: n, hash(n), the file's SHA-256, signed
                                                          and only then DELETE rows 1 .. n

The triggers let go of nothing without the bridge, and ``verify`` refuses a bridge that is not signed with our key.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from accounts.audit.checkpoints import checkpoint_now, own_key
from accounts.audit.export import json_lines
from accounts.audit.keys import public_text, sign
from accounts.audit.models import Checkpoint, Event, RetiredSegment
from accounts.audit.recording import record
from relay_bridge.contract.audit import WEB_CHAIN, checkpoint_bytes

SEGMENT = 50_000  # rows of one archive file and of one transaction
KEEP_DAYS = 400  # what is kept in the database unless somebody says otherwise (docs/audit.md)
DAY_MS = 24 * 3600 * 1000


class RetentionError(Exception):
    """Nothing was removed; the message says why."""


@dataclass(frozen=True)
class Retired:
    """One archived segment: rows ``first`` to ``last``, in ``file`` with the SHA-256 ``file_hash``."""

    first: int
    last: int
    file: Path
    file_hash: str


def bridge_bytes(*, first: int, last: int, last_hash: str, file_hash: str, at: int, key: str) -> bytes:
    """What a bridge signs."""
    return checkpoint_bytes(f"{WEB_CHAIN} retired {first}-{last} {file_hash}", last, last_hash, at, key)


def retire_segment(before_ms: int, out: Path, *, at: int | None = None) -> Retired | None:
    """Archive and remove the oldest events that are all older than ``before_ms`` (epoch ms); None when there are none.

    At most ``SEGMENT`` rows, ending at a signed checkpoint. The trail must have been verified just before: what is
    archived is signed as it stands. ``RetentionError`` when the file cannot be written.
    """
    at = time.time_ns() // 1_000_000 if at is None else at
    checkpoint_now()
    first = Event.objects.order_by("seq").values_list("seq", flat=True).first()
    last = _last_to_go(first, before_ms) if first is not None else None
    if first is None or last is None:
        return None
    path = out / f"audit-{first}-{last}.jsonl"
    file_hash = _write_archive(path, first, last)
    key = own_key()
    public = public_text(key)
    with transaction.atomic():
        last_hash = Event.objects.values_list("hash", flat=True).get(pk=last)
        facts = {"first": str(first), "last": str(last), "file": path.name, "file_hash": file_hash}
        record("audit:segment:retired", actor=None, result="done", facts=facts)
        data = bridge_bytes(first=first, last=last, last_hash=last_hash, file_hash=file_hash, at=at, key=public)
        RetiredSegment.objects.create(
            first_seq=first,
            last_seq=last,
            last_hash=last_hash,
            file_hash=file_hash,
            at=at,
            key=public,
            sig=sign(key, data),
        )
        with connection.cursor() as cursor:  # the querysets refuse; the triggers look at the bridge
            cursor.execute("DELETE FROM audit_checkpoint WHERE chain = %s AND seq <= %s", [WEB_CHAIN, last])
            cursor.execute("DELETE FROM audit_event WHERE seq <= %s", [last])
    return Retired(first, last, path, file_hash)


def _last_to_go(first: int, before_ms: int) -> int | None:
    """The newest checkpoint before which everything is old enough, within one segment; never the chain's last row."""
    young = Event.objects.filter(at__gte=before_ms).order_by("seq").values_list("seq", flat=True).first()
    end = Event.objects.order_by("-seq").values_list("seq", flat=True)[0]
    limit = min(young - 1 if young is not None else end - 1, first + SEGMENT - 1)
    marks = Checkpoint.objects.filter(chain=WEB_CHAIN, seq__gte=first, seq__lte=limit).order_by("-seq")
    return marks.values_list("seq", flat=True).first()


def _write_archive(path: Path, first: int, last: int) -> str:
    rows = Event.objects.filter(seq__gte=first, seq__lte=last).order_by("seq")
    if rows.count() != last - first + 1:
        raise RetentionError("Rows are missing between the first and the last of the segment: verify the trail first.")
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for line in json_lines(rows.iterator(chunk_size=2000)):
                digest.update(line)
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise RetentionError(f"The archive {path} cannot be written: {error.strerror}. Nothing was removed.") from error
    return digest.hexdigest()
