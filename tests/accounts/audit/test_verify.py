"""T24: whatever is done to the trail behind the application's back is found, and the first bad row is named."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.db import transaction

from accounts.audit.chain import Head, append
from accounts.audit.checkpoints import audit_dir, checkpoint_now, make_checkpoint, signature_holds
from accounts.audit.keys import create_key
from accounts.audit.models import Checkpoint, Event
from accounts.audit.verify import verify
from relay_bridge.contract.audit import WEB_CHAIN, event_hash
from tests.accounts.audit.conftest import fill, values
from tests.support.audit_trail import without_triggers

pytestmark = pytest.mark.django_db
ROWS = 240
MANIPULATIONS = 200
TEXTS = ("tag", "result", "actor", "username", "site_id", "site", "subject", "reason", "source", "request_id", "facts")


def at_a_row(chance: random.Random) -> int:
    return chance.randint(1, ROWS)


def edit_text(cursor: Any, chance: random.Random) -> int:
    row, column = at_a_row(chance), chance.choice(TEXTS)
    cursor.execute(f"UPDATE audit_event SET {column} = {column} || ' ' WHERE seq = %s", [row])
    return row


def edit_number(cursor: Any, chance: random.Random) -> int:
    row = at_a_row(chance)
    cursor.execute("UPDATE audit_event SET at = at + %s WHERE seq = %s", [chance.choice((-1, 1, 1000)), row])
    return row


def edit_hash(cursor: Any, chance: random.Random) -> int:
    row, column = at_a_row(chance), chance.choice(("hash", "previous"))
    cursor.execute(f"UPDATE audit_event SET {column} = %s WHERE seq = %s", [f"{row:064x}", row])
    return row


def edit_and_compute_hash(cursor: Any, chance: random.Random) -> int:
    """The row itself is consistent again; the next one does not follow it, or nothing signed agrees."""
    row = at_a_row(chance)
    forge(cursor, row)
    return row


def edit_and_compute_everything(cursor: Any, chance: random.Random) -> int:
    """From the row on the whole chain is computed anew: only what was signed tells."""
    row = at_a_row(chance)
    for number in range(row, ROWS + 1):
        forge(cursor, number, "somebody else" if number == row else None)
    return row


def delete(cursor: Any, chance: random.Random) -> int:
    row = at_a_row(chance)
    cursor.execute("DELETE FROM audit_event WHERE seq = %s", [row])
    return row


def delete_and_close_up(cursor: Any, chance: random.Random) -> int:
    row = delete(cursor, chance)
    cursor.execute("UPDATE audit_event SET seq = -seq WHERE seq > %s", [row])
    cursor.execute("UPDATE audit_event SET seq = -seq - 1 WHERE seq < 0")
    return row


def swap(cursor: Any, chance: random.Random) -> int:
    row = chance.randint(1, ROWS - 1)
    cursor.execute("UPDATE audit_event SET seq = -1 WHERE seq = %s", [row])
    cursor.execute("UPDATE audit_event SET seq = %s WHERE seq = %s", [row, row + 1])
    cursor.execute("UPDATE audit_event SET seq = %s WHERE seq = -1", [row + 1])
    return row


def copy_over(cursor: Any, chance: random.Random) -> int:
    row, other = chance.sample(range(1, ROWS + 1), 2)
    cursor.execute("DELETE FROM audit_event WHERE seq = %s", [row])
    cursor.execute("UPDATE audit_event SET seq = %s WHERE seq = %s", [row, other])
    return min(row, other)


def cut_tail(cursor: Any, chance: random.Random) -> int:
    row = at_a_row(chance)
    cursor.execute("DELETE FROM audit_event WHERE seq >= %s", [row])
    return row


def cut_tail_and_checkpoints(cursor: Any, chance: random.Random) -> int:
    row = cut_tail(cursor, chance)
    cursor.execute("DELETE FROM audit_checkpoint WHERE seq >= %s", [row])
    return row


def no_text_any_more(cursor: Any, chance: random.Random) -> int:
    row = at_a_row(chance)
    cursor.execute("UPDATE audit_event SET reason = CAST(x'ff' AS TEXT) WHERE seq = %s", [row])
    return row


def null(cursor: Any, chance: random.Random) -> int:
    row = at_a_row(chance)
    cursor.execute("UPDATE audit_event SET facts = '' WHERE seq = %s", [row])
    return row


def bad_checkpoint(cursor: Any, chance: random.Random) -> int:
    cursor.execute("UPDATE audit_checkpoint SET seq = seq - 1 WHERE seq = %s", [chance.choice((50, 100, 150, 200))])
    return 0


KINDS: tuple[Callable[[Any, random.Random], int], ...] = (
    edit_text, edit_number, edit_hash, edit_and_compute_hash, edit_and_compute_everything, delete, delete_and_close_up,
    swap, copy_over, cut_tail, cut_tail_and_checkpoints, no_text_any_more, null, bad_checkpoint,
)  # fmt: skip
EXACT = {edit_text, edit_number, edit_hash, delete, cut_tail, cut_tail_and_checkpoints, no_text_any_more, null, swap}


def forge(cursor: Any, row: int, reason: str | None = "something else") -> None:
    cursor.execute("SELECT hash FROM audit_event WHERE seq = %s", [row - 1])
    found = cursor.fetchone()
    previous = found[0] if found else "0" * 64
    facts = values(row) | ({"reason": reason} if reason else {})
    digest = event_hash(WEB_CHAIN, row, *facts.values(), previous)
    cursor.execute(
        "UPDATE audit_event SET reason = %s, previous = %s, hash = %s WHERE seq = %s",
        [facts["reason"], previous, digest, row],
    )


@pytest.fixture
def trail() -> Iterator[Head]:
    yield fill(ROWS)


def test_whole_trail_holds(trail: Head) -> None:
    verdict = verify()
    assert verdict.holds and not verdict.notes
    assert (verdict.rows, verdict.first, verdict.last, verdict.unsigned) == (ROWS, 1, ROWS, 0)
    assert verdict.checkpoints == 5  # at 50, 100, 150, 200 and where it stands


def test_t24_each_of_200_random_manipulations_is_found(trail: Head) -> None:
    seen = set()
    for seed in range(MANIPULATIONS):
        chance = random.Random(seed)
        kind = KINDS[seed % len(KINDS)]
        with transaction.atomic():
            with without_triggers() as cursor:
                row = kind(cursor, chance)
            verdict = verify()
            transaction.set_rollback(True)
        assert verdict.broken is not None, f"{kind.__name__} {seed} was not found"
        if kind in EXACT:
            assert verdict.broken.row == row, f"{kind.__name__} {seed}: {verdict.broken}"
        if row:
            assert verdict.broken.earliest <= row + 1, f"{kind.__name__} {seed}: {verdict.broken}"
        seen.add(kind)
    assert len(seen) == len(KINDS)
    assert verify().holds  # every one of them was undone


def test_cut_tail_is_found_through_what_somebody_else_kept(trail: Head) -> None:
    """The database, its checkpoints and head.json all say less: only the other side's copy tells."""
    kept = checkpoint_now()
    assert kept is not None
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq > 100")
        cursor.execute("DELETE FROM audit_checkpoint WHERE seq > 100")
    shorter = Event.objects.get(seq=100)
    write_head(make_checkpoint(Head(100, shorter.hash), shorter.at))
    assert verify().holds
    broken = verify([kept]).broken
    assert broken is not None and broken.row == 101 and "tail was cut" in broken.why


def test_checkpoint_by_another_key_is_refused(trail: Head, tmp_path: Any) -> None:
    forged = make_checkpoint(trail, values(ROWS)["at"], create_key(tmp_path / "thief.pem"))
    assert signature_holds(forged)
    broken = verify([forged]).broken
    assert broken is not None and "not signed" in broken.why


def test_missing_key_is_said_and_the_chain_is_checked_all_the_same(trail: Head, settings: Any) -> None:
    (settings.SIGHTLINE.secrets_dir / "audit.key.pem").unlink()
    verdict = verify()
    assert verdict.holds and "No signature could be checked" in verdict.notes[0]
    assert not (settings.SIGHTLINE.secrets_dir / "audit.key.pem").exists()  # nothing replaces a key that went missing


def test_rows_after_the_last_signature_are_counted(trail: Head) -> None:
    with transaction.atomic():
        for number in (ROWS + 1, ROWS + 2):
            append(values(number))
    verdict = verify()
    assert verdict.holds and verdict.unsigned == 2


def test_empty_trail_holds() -> None:
    assert verify().holds
    assert Checkpoint.objects.count() == 0


def write_head(checkpoint: Any) -> None:
    (audit_dir() / "head.json").write_bytes(msgspec.json.encode(checkpoint))
