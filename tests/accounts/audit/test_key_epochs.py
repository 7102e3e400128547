"""A lost key is never replaced silently: what must be recorded waits, and a new key comes with who and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from accounts import audit
from accounts.audit import AuditUnavailable
from accounts.audit.chain import Head
from accounts.audit.checkpoints import audit_dir, checkpoint_now, make_checkpoint, own_key, read_head, sign_head
from accounts.audit.key_epochs import EPOCH_CHAIN, begin_epoch, read_epochs
from accounts.audit.keys import AuditKeyError, create_key, key_path, public_text
from accounts.audit.models import Checkpoint, Event, RetiredSegment
from accounts.audit.retention import retire_segment
from accounts.audit.verify import verify
from relay_bridge.contract.audit import WEB_CHAIN
from tests.accounts.audit.conftest import FIRST_AT, fill
from tests.support.audit_trail import without_triggers

pytestmark = pytest.mark.django_db
TAG = "person:account:opened"
WHO, WHY = "00000000-0000-4000-8000-000000000001 root", "The disk with the key is lost."


def lose(*, rows: bool = False) -> None:
    """Key and ``head.json`` are gone; with ``rows`` also everything in the database that was signed."""
    key_path().unlink()
    (audit_dir() / "head.json").unlink()
    if rows:
        with without_triggers() as cursor:
            cursor.execute("DELETE FROM audit_checkpoint")


@pytest.mark.parametrize("rows", [False, True])
def test_nothing_that_must_be_recorded_happens_and_no_key_is_made(rows: bool) -> None:
    fill(20)
    lose(rows=rows)
    with pytest.raises(AuditUnavailable):
        audit.record(TAG, actor=None, result="done")
    assert not key_path().exists() and Event.objects.count() == 20


def test_what_only_looks_goes_on_and_is_stored() -> None:
    fill(20)
    lose()
    assert audit.try_record(TAG, actor=None, result="done") is not None
    assert not key_path().exists() and Event.objects.count() == 21
    verdict = verify()
    assert verdict.holds and verdict.notes, "it is not said to be whole"


@pytest.mark.django_db(transaction=True)
def test_a_change_that_must_be_recorded_is_not_made() -> None:
    fill(20)
    lose()
    with pytest.raises(AuditUnavailable):
        get_user_model().objects.create_user("mallory", password="eleven grey herons stand")
    assert not get_user_model().objects.exists()


def test_another_key_in_its_place_is_refused_and_the_right_one_taken_back() -> None:
    fill(20)
    right = key_path().read_bytes()
    lose()
    create_key(key_path())
    with pytest.raises(AuditKeyError, match="not the key that signed"):
        own_key()
    with pytest.raises(AuditUnavailable):
        audit.record(TAG, actor=None, result="done")
    with pytest.raises(AuditKeyError, match="move this file away first"):
        begin_epoch(who=WHO, why=WHY, facts={})
    key_path().unlink()
    key_path().write_bytes(right)
    key_path().chmod(0o600)
    audit.record(TAG, actor=None, result="done")


def test_key_that_goes_missing_while_the_process_runs_is_noticed() -> None:
    fill(20)
    own_key()
    key_path().rename(key_path().with_name("elsewhere"))
    with pytest.raises(AuditKeyError, match=r"missing.*manage\.py audit new-key"):
        own_key()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.django_db(transaction=True)
def test_new_epoch_says_who_and_why_and_the_trail_holds_on_both_sides_of_it(rows: bool) -> None:
    fill(60, signed_every=20)
    before = public_text(own_key())
    lose(rows=rows)
    event = begin_epoch(who=WHO, why=WHY, facts={"rows": "60", "signed_to": "60"})
    assert (event.tag, event.subject, event.reason) == ("audit:key:replaced", WHO, WHY)
    (epoch,) = read_epochs()
    assert (epoch.seq, epoch.before) == (61, "" if rows else before)
    fill(30, signed_every=10)
    head = read_head()
    assert head is not None and head.key == epoch.key
    verdict = verify()
    assert verdict.holds and not verdict.notes and verdict.rows == 91 and verdict.epochs == (epoch,)


@pytest.mark.django_db(transaction=True)
def test_what_was_signed_before_is_still_held_against_the_key_before() -> None:
    fill(60, signed_every=20)
    kept = checkpoint_now()
    lose()
    begin_epoch(who=WHO, why=WHY, facts={})
    assert kept is not None and verify([kept]).holds
    with without_triggers() as cursor:  # signed anew by whoever has the new key: not by the key of that time
        row = Checkpoint.objects.filter(chain=WEB_CHAIN, seq=40)[0]
        forged = make_checkpoint(Head(40, row.hash), row.at)
        cursor.execute(
            "UPDATE audit_checkpoint SET key = %s, sig = %s WHERE seq = 40 AND chain = 'web'", [forged.key, forged.sig]
        )
    broken = verify().broken
    assert broken is not None and broken.row == 40 and "not signed" in broken.why


@pytest.mark.parametrize("change", ["key = '{other}'", "seq = seq - 1", "chain = chain || 'x'"])
@pytest.mark.django_db(transaction=True)
def test_record_of_a_new_key_cannot_be_changed_unseen(change: str) -> None:
    fill(60, signed_every=20)
    other = Checkpoint.objects.order_by("seq")[0].key
    lose()
    begin_epoch(who=WHO, why=WHY, facts={})
    with without_triggers() as cursor:
        cursor.execute(f"UPDATE audit_checkpoint SET {change.format(other=other)} WHERE chain LIKE '{EPOCH_CHAIN}%'")
    assert not verify().holds


@pytest.mark.django_db(transaction=True)
def test_key_of_nobody_does_not_begin_an_epoch() -> None:
    """Whoever exchanges the key's file and signs ``head.json`` anew, without the command, is found."""
    stood = fill(60, signed_every=20)
    lose()
    create_key(key_path())
    sign_head(stood, FIRST_AT)
    assert read_head() is None, "the web app signs nothing with it"
    assert not verify().holds


@pytest.mark.django_db(transaction=True)
def test_archived_with_its_event_the_new_key_stays_known(tmp_path: Path) -> None:
    fill(60, signed_every=20)
    lose()
    begin_epoch(who=WHO, why=WHY, facts={})
    fill(60, signed_every=10)
    retired = retire_segment(FIRST_AT + 3_000_000_000_000, tmp_path)
    assert retired is not None and retired.last > 61
    assert not Event.objects.filter(tag="audit:key:replaced").exists() and RetiredSegment.objects.exists()
    verdict = verify()
    assert verdict.holds and not verdict.notes and [epoch.seq for epoch in verdict.epochs] == [61]


def test_a_trail_that_has_not_begun_needs_no_new_key() -> None:
    with pytest.raises(AuditKeyError, match="has not begun"):
        begin_epoch(who=WHO, why=WHY, facts={})
    assert not key_path().exists()


@pytest.mark.parametrize("page", ["/audit/", "/admin/"])
def test_pages_of_auditors_and_administrators_say_it(client: Client, page: str) -> None:
    client.force_login(get_user_model().objects.create_superuser("root", password="eleven grey herons stand"))
    assert "The key that signs the audit trail is missing" not in client.get(page).content.decode()
    key_path().unlink()
    assert "The key that signs the audit trail is missing" in client.get(page).content.decode()
    assert not key_path().exists(), "looking makes none"
