"""Old events leave as whole signed segments, and in no other way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from django.db import connection

from accounts.audit.models import Checkpoint, Event, RetiredSegment
from accounts.audit.retention import RetentionError, retire_segment
from accounts.audit.verify import verify
from relay_bridge.contract.audit import AuditEvent, hash_of
from tests.accounts.audit.conftest import fill, values
from tests.support.audit_trail import without_triggers

pytestmark = pytest.mark.django_db(transaction=True)


def test_segment_is_archived_then_removed_and_the_chain_goes_on(tmp_path: Path) -> None:
    fill(120)
    retired = retire_segment(values(100)["at"], tmp_path / "archive")
    assert retired is not None and (retired.first, retired.last) == (1, 99)
    data = retired.file.read_bytes()
    assert hashlib.sha256(data).hexdigest() == retired.file_hash and retired.file.stat().st_mode & 0o077 == 0
    events = [msgspec.json.decode(line, type=AuditEvent) for line in data.splitlines()]
    assert [event.seq for event in events] == list(range(1, 100)) and all(hash_of(e) == e.hash for e in events)
    assert Event.objects.order_by("seq").values_list("seq", flat=True)[0] == 100
    assert not Checkpoint.objects.filter(seq__lte=99).exists()
    last = Event.objects.order_by("-seq")[0]
    assert last.tag == "audit:segment:retired" and retired.file_hash in last.facts
    verdict = verify()
    assert verdict.holds and verdict.first == 100
    assert retire_segment(values(100)["at"], tmp_path / "archive") is None


def test_what_is_not_bridged_stays(tmp_path: Path) -> None:
    fill(120)
    assert retire_segment(values(100)["at"], tmp_path) is not None
    with pytest.raises(Exception, match="archived segment"):
        connection.cursor().execute("DELETE FROM audit_event WHERE seq = 110")


def test_forged_bridge_is_found(tmp_path: Path) -> None:
    fill(120)
    last = Event.objects.get(seq=60)
    with connection.cursor() as cursor:  # the triggers let this go: the signature is what it lacks
        cursor.execute(
            "INSERT INTO audit_retired (first_seq, last_seq, last_hash, file_hash, at, key, sig)"
            " VALUES (1, 60, %s, %s, 0, %s, %s)",
            [last.hash, "0" * 64, "A" * 43, "A" * 86],
        )
        cursor.execute("DELETE FROM audit_event WHERE seq <= 60")
    broken = verify().broken
    assert broken is not None and broken.row == 1 and "not signed" in broken.why


def test_altered_bridge_is_found(tmp_path: Path) -> None:
    fill(120)
    assert retire_segment(values(100)["at"], tmp_path) is not None
    with without_triggers() as cursor:
        cursor.execute("UPDATE audit_retired SET file_hash = %s", ["1" * 64])
    broken = verify().broken
    assert broken is not None and "not signed" in broken.why


def test_without_an_archive_nothing_is_removed(tmp_path: Path) -> None:
    fill(120)
    (tmp_path / "full").write_text("a file, no folder")
    with pytest.raises(RetentionError, match="Nothing was removed"):
        retire_segment(values(100)["at"], tmp_path / "full")
    assert Event.objects.count() == 120 and not RetiredSegment.objects.exists()
