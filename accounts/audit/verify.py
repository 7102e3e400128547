"""Is the trail whole? Walks the chain from its first row to its last and against everything that was ever signed.

An edited, missing, inserted or moved row breaks the chain at that row. A chain that was computed anew behind a change
differs from the signed checkpoints; a tail that was cut off, from ``head.json``, from the newest checkpoint and from
what agents were told. Memory stays small: rows are read in batches, without a lock, while others append.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db import DatabaseError, connection

from accounts.audit.checkpoints import as_checkpoint, read_head, signature_holds
from accounts.audit.key_epochs import Epoch, KeyHistory, read_epochs
from accounts.audit.keys import AuditKeyError, is_signed, key_path, load_key, public_text
from accounts.audit.models import Checkpoint as Row
from accounts.audit.models import Event, RetiredSegment
from accounts.audit.retention import bridge_bytes
from relay_bridge.contract.audit import NO_HASH, WEB_CHAIN, Checkpoint, event_hash

BATCH = 5000  # rows read at once
SIGNATURES = 10_000  # newest checkpoints whose signature is checked; the hash of every one is compared
_ROWS = (
    "SELECT seq, at, tag, result, actor, username, site_id, site, subject, reason, source, request_id, facts, previous,"
    " hash FROM audit_event WHERE seq > %s ORDER BY seq LIMIT %s"
)


class Broken(NamedTuple):
    """``row``: the first bad one's number. ``earliest``: where the change may begin, when only a later row shows it."""

    row: int
    why: str
    earliest: int

    def __str__(self) -> str:
        since = f" The change begins at row {self.earliest} or after." if self.earliest < self.row else ""
        return f"Row {self.row}: {self.why}.{since}"


@dataclass(frozen=True)
class Verdict:
    """``rows`` looked at, from ``first`` to ``last``; ``unsigned``: rows at the end that no signature covers yet.

    ``notes``: what could not be compared, because a key or a signed statement is missing. Whoever removes one hides
    something or lost something, so a verdict with notes is no good one. ``epochs``: where the key was replaced.
    """

    rows: int
    first: int
    last: int
    checkpoints: int
    unsigned: int
    broken: Broken | None = None
    notes: tuple[str, ...] = ()
    epochs: tuple[Epoch, ...] = ()

    @property
    def holds(self) -> bool:
        return self.broken is None


def verify(known: Iterable[Checkpoint] = ()) -> Verdict:
    """Check the whole trail. ``known``: checkpoints of ours that somebody else kept, as agents do."""
    # What was signed is read before the rows: whatever is appended meanwhile can only make the chain longer.
    notes: list[str] = []
    begun = key_path().exists()
    key = _public_key(notes, begun=begun)
    epochs = read_epochs()
    history = KeyHistory(epochs, key) if key is not None else None
    marks, problem = _marks(history, known, notes, begun=begun)
    for epoch in epochs:
        if marks.setdefault(epoch.seq, epoch.hash) != epoch.hash:
            problem = problem or Broken(epoch.seq, "two signed statements disagree about this row", epoch.seq)
    if history is not None and history.problem is not None:
        words = "the record of a new key at this row does not follow the key before it, or is not signed"
        problem = problem or Broken(history.problem.seq, words, history.problem.seq)
    for _ in range(3):  # an archiving run may remove rows under our hands; then the bridges have changed
        bridges = _bridges()
        verdict = _walk(bridges, history, marks, problem, notes)
        verdict = replace(verdict, epochs=tuple(epochs))
        if verdict.holds or _bridges() == bridges:
            return verdict
    return verdict


# --- what is signed ---------------------------------------------------------------------------------------------------


def _public_key(notes: list[str], *, begun: bool) -> str | None:
    """The public half of the key in its file; looking makes none."""
    if not begun and not Event.objects.exists() and not Row.objects.filter(chain=WEB_CHAIN).exists():
        return None  # nothing ever happened
    try:
        return public_text(load_key(key_path()))
    except (AuditKeyError, OSError) as error:
        notes.append(f"No signature could be checked. {error}")
        return None


def _marks(
    history: KeyHistory | None, known: Iterable[Checkpoint], notes: list[str], *, begun: bool
) -> tuple[dict[int, str], Broken | None]:
    """The hash that was signed for each number, and what is wrong with the signatures themselves.

    ``begun``: there was a key, so at least one event was signed.
    """
    rows = [as_checkpoint(row) for row in Row.objects.filter(chain=WEB_CHAIN).order_by("seq", "pk").iterator()]
    try:
        head = read_head()
    except ValueError as error:
        return {}, Broken(1, str(error).rstrip("."), 1)
    told = [checkpoint for checkpoint in known if checkpoint.chain == WEB_CHAIN]
    if head is None and (rows or begun):
        notes.append("head.json is missing: a tail cut off after the newest checkpoint would not show.")
    marks: dict[int, str] = {}
    good = 0
    unchecked = len(rows) - SIGNATURES
    for number, checkpoint in enumerate([*rows, *([head] if head else []), *told]):
        signer = history.key_at(checkpoint.seq) if history is not None else None
        if signer is not None and number >= unchecked and not signature_holds(checkpoint, signer):
            words = "the checkpoint of this row is not signed with the audit trail's key"
            return marks, Broken(checkpoint.seq, words, good + 1)
        if marks.setdefault(checkpoint.seq, checkpoint.hash) != checkpoint.hash:
            return marks, Broken(checkpoint.seq, "two signed statements disagree about this row", good + 1)
        good = max(good, checkpoint.seq)
    return marks, None


def _bridges() -> list[tuple[Any, ...]]:
    fields = ("first_seq", "last_seq", "last_hash", "file_hash", "at", "key", "sig")
    return list(RetiredSegment.objects.order_by("last_seq").values_list(*fields))


def _start(bridges: Sequence[tuple[Any, ...]], history: KeyHistory | None) -> tuple[int, str, Broken | None]:
    """Where the rows begin: behind the archived segments, if those follow each other and are signed."""
    last, last_hash = 0, NO_HASH
    for first_seq, last_seq, hash_, file_hash, at, signer, sig in bridges:
        data = bridge_bytes(first=first_seq, last=last_seq, last_hash=hash_, file_hash=file_hash, at=at, key=signer)
        if first_seq != last + 1 or last_seq < first_seq:
            return last, last_hash, Broken(last + 1, "the archived segments do not follow each other", last + 1)
        if history is not None and (signer not in history.keys_from(last_seq) or not is_signed(signer, data, sig)):
            words = "the record of this archived segment is not signed with the audit trail's key"
            return last, last_hash, Broken(first_seq, words, first_seq)
        last, last_hash = last_seq, hash_
    return last, last_hash, None


# --- the walk ---------------------------------------------------------------------------------------------------------


def _walk(
    bridges: Sequence[tuple[Any, ...]],
    history: KeyHistory | None,
    marks: dict[int, str],
    problem: Broken | None,
    notes: list[str],
) -> Verdict:
    start, previous, broken = _start(bridges, history)
    seq, signed = start, max((number for number in marks if number <= start), default=0)
    if broken is None and start in marks and marks[start] != previous:
        broken = Broken(start, "the archived segment does not end as it was signed", start)
    try:
        for row in _rows(start) if broken is None else ():
            broken = _look(row, seq, previous)
            if broken is None and (mark := marks.get(row[0])) is not None:
                if mark != row[14]:
                    broken = Broken(row[0], "it differs from the signed checkpoint", signed + 1)
                else:
                    signed = row[0]
            if broken is not None:
                break
            seq, previous = row[0], row[14]
    except _Unreadable:
        broken = Broken(seq + 1, "the database cannot read it", seq + 1)
    furthest = max(marks, default=0)
    if broken is None and furthest > seq:
        broken = Broken(seq + 1, f"it is missing, and so is everything up to row {furthest}: the tail was cut", seq + 1)
    if broken is None or (problem is not None and problem.row < broken.row):
        broken = problem or broken
    return Verdict(
        rows=seq - start,
        first=start + 1,
        last=seq,
        checkpoints=len(marks),
        unsigned=max(seq - max(signed, start), 0),
        broken=broken,
        notes=tuple(notes),
    )


def _look(row: tuple[Any, ...], last: int, previous: str) -> Broken | None:
    """What is wrong with one row that comes after ``last``, whose hash is ``previous``."""
    seq = row[0]
    if seq != last + 1:
        return Broken(last + 1, f"it is missing; row {seq} comes next", last + 1)
    if row[13] != previous:
        return Broken(seq, "it does not follow the row before it", seq)
    try:
        digest = event_hash(WEB_CHAIN, *row[:14])
    except (TypeError, ValueError, AttributeError):  # a column holds what no event ever held
        digest = ""
    if digest != row[14]:
        return Broken(seq, "it was changed after it was written", seq)
    return None


def _rows(after: int) -> Iterator[tuple[Any, ...]]:
    size = BATCH
    while True:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_ROWS, [after, size])
                batch = cursor.fetchall()
        except DatabaseError:
            if size == 1:
                raise _Unreadable from None
            size = 1  # one of them cannot be read, such as a text that is no text any more: up to it, one by one
            continue
        yield from batch
        if len(batch) < size:
            return
        after = batch[-1][0]


class _Unreadable(Exception):  # noqa: N818 - a finding
    """The database cannot give the next row."""
