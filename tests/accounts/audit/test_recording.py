"""One event: who, what, where, when, with which result; never a secret; or not at all, and then nothing happens."""

from __future__ import annotations

import fcntl
import threading
import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import checkpoints
from accounts.audit.chain import Head
from accounts.audit.models import Event
from accounts.audit.tags import TAGS
from accounts.audit.verify import verify
from accounts.models import Role, User
from hmi.bridge_settings import BridgeSettings
from relay_bridge.contract.audit import NO_HASH, REMOVED, TAG_PATTERN, event_hash
from tests.support.audit_trail import without_triggers

SITE = uuid.UUID("3d6f0a52-6a0b-4f0e-9d55-0a2f0f5c8f10")
TAG = "person:session:signed-in"


@pytest.mark.django_db
def test_event_says_who_what_where_when(rf: Any) -> None:
    alice = User.objects.create_user("alice", password="a password for a test")
    request = rf.get("/", REMOTE_ADDR="192.0.2.17")
    request.request_id = "ab" * 16
    event = audit.record(
        "grant:role:given", actor=alice, result="done", site_id=SITE, site="north", subject="bob",
        reason="night shift", request=request, facts={"role": "viewer"},
    )  # fmt: skip
    assert (event.actor, event.username) == (str(alice.subject), "alice")
    assert (event.site_id, event.site, event.subject, event.reason) == (str(SITE), "north", "bob", "night shift")
    assert (event.source, event.request_id, event.facts) == ("192.0.2.17", "ab" * 16, '{"role":"viewer"}')


@pytest.mark.django_db
def test_chain_begins_at_nothing_and_each_follows_the_one_before() -> None:
    first = audit.record(TAG, actor=None, result="done")
    second = audit.record(TAG, actor=None, result="done")
    assert (first.seq, first.previous, second.seq, second.previous) == (1, NO_HASH, 2, first.hash)
    row = Event.objects.values_list(
        "seq", "at", "tag", "result", "actor", "username", "site_id", "site", "subject", "reason", "source",
        "request_id", "facts", "previous", "hash",
    ).get(seq=2)  # fmt: skip
    assert event_hash("web", *row[:14]) == row[14]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tag", "facts", "words"),
    [
        ("person:session:unheard-of", {}, "closed list of tags"),
        (TAG, {"password": "x"}, "no fact 'password'"),
        ("grant:role:given", {"role": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln"}, "looks like a key or token"),
        ("grant:role:given", {"role": "SharedAccessKey=c2VuZC1rZXk="}, "looks like a key or token"),
        ("grant:role:given", {"role": "Zm9vYmFyMTIzNDU2Nzg5MFFXRVJUWVVJT1BBU0RGR0g="}, "looks like a key or token"),
        ("grant:role:given", {"role": "k3v9s0q8x7w6e5r4t3y2u1i0o9p8a7s6"}, "looks like a key or token"),
    ],
)
def test_what_is_not_listed_or_looks_secret_is_refused(tag: str, facts: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        audit.record(tag, actor=None, result="done", facts=facts)
    assert not any(value in str(caught.value) for value in facts.values())
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_secrets_in_what_people_type_are_taken_out_and_lengths_are_bounded() -> None:
    event = audit.record(TAG, actor=None, result="done", reason="SharedAccessKey=c2VuZC1rZXk= " + "long " * 100)
    assert event.reason.startswith(REMOVED) and len(event.reason) == 300
    assert "c2VuZC1rZXk" not in event.reason
    assert audit.record(TAG, actor=None, result="done", reason="a\nb\x1b[0m").reason == "a b [0m"


@pytest.mark.django_db
def test_names_and_ordinary_facts_do_not_look_secret() -> None:
    facts = {
        "person": "3d6f0a52-6a0b-4f0e-9d55-0a2f0f5c8f10 somebody.with.a.rather.long.name@plant.example.com",
        "from": "2026-11-22T23:00:00Z",
        "role": "north-terminal-of-the-eastern-harbour-number-12",
    }
    audit.record("grant:role:given", actor=None, result="done", facts=facts)


@pytest.mark.django_db(transaction=True)
def test_event_belongs_to_the_callers_transaction() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(TAG, actor=None, result="done")
        raise RuntimeError
    assert not Event.objects.exists()


def break_the_trail() -> None:
    """What a full disk does: the table takes nothing."""
    with connection.cursor() as cursor:
        full = "SELECT RAISE(ABORT, 'disk full')"
        cursor.execute(f"CREATE TRIGGER disk_full BEFORE INSERT ON audit_event BEGIN {full}; END")


@pytest.mark.django_db
def test_change_that_cannot_be_recorded_does_not_happen_and_reading_goes_on(caplog: Any) -> None:
    role = Role.objects.get(slug="viewer")
    break_the_trail()
    role.scopes = "status:read"
    with pytest.raises(audit.AuditUnavailable, match="could not be recorded"):
        role.save()
    role.refresh_from_db()
    assert "data:live" in role.scopes
    assert audit.try_record(TAG, actor=None, result="done") is None
    assert "missing from the audit trail" in caplog.text
    assert User.objects.count() == 0  # the database still answers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'x' WHERE seq = 1",
        "DELETE FROM audit_event WHERE seq = 2",
        "DELETE FROM audit_event",
        "INSERT OR REPLACE INTO audit_event SELECT seq, at, tag, 'failed', actor, username, site_id, site, subject,"
        " reason, source, request_id, facts, previous, hash FROM audit_event WHERE seq = 1",
        "INSERT INTO audit_event SELECT 9, at, tag, result, actor, username, site_id, site, subject,"
        " reason, source, request_id, facts, previous, hash FROM audit_event WHERE seq = 2",
        "UPDATE audit_checkpoint SET seq = 1",
        "DELETE FROM audit_checkpoint",
        "UPDATE audit_retired SET last_seq = 1",
        "DELETE FROM audit_retired",
    ],
)
def test_database_refuses_every_change(statement: str) -> None:
    audit.record(TAG, actor=None, result="done")
    audit.record(TAG, actor=None, result="done")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_checkpoint (chain, seq, hash, at, key, sig) VALUES ('web', 2, 'h', 0, 'k', 's')"
        )
    retired = "INSERT INTO audit_retired (first_seq, last_seq, last_hash, file_hash, at, key, sig)"
    with connection.cursor() as cursor:  # over other numbers than these rows': no bridge for them
        cursor.execute(f"{retired} VALUES (-5, -1, 'h', 'f', 0, 'k', 's')")
    with pytest.raises(DatabaseError, match=r"audit trail|end of the chain"), transaction.atomic():
        connection.cursor().execute(statement)
    assert Event.objects.count() == 2


@pytest.mark.django_db
def test_querysets_say_it_before_the_database_does() -> None:
    audit.record(TAG, actor=None, result="done")
    with pytest.raises(TypeError, match="never changed"):
        Event.objects.update(reason="x")
    with pytest.raises(TypeError, match="never deleted"):
        Event.objects.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        Event.objects.get(seq=1).delete()


@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_make_one_chain() -> None:
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20):
                audit.record(TAG, actor=None, result="done")
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    verdict = verify()
    assert verdict.holds and verdict.rows == 80 and verdict.unsigned == 0


@pytest.mark.django_db(transaction=True)
async def test_on_the_event_loop() -> None:
    event = await audit.arecord(TAG, actor=None, result="done")
    assert event.seq == 1


def test_every_tag_is_subject_thing_action_with_a_sentence() -> None:
    import re  # noqa: PLC0415

    for name, known in TAGS.items():
        assert re.match(TAG_PATTERN, name), name
        assert known.meaning.endswith("."), name
        assert len(known.facts) <= 12


@pytest.mark.django_db(transaction=True)
def test_flush_leaves_the_trail_alone() -> None:
    from django.core.management.color import no_style  # noqa: PLC0415
    from django.core.management.sql import sql_flush  # noqa: PLC0415

    assert not [statement for statement in sql_flush(no_style(), connection) if "audit_" in statement]
    with without_triggers():
        pass  # and the tests' own door closes behind itself
    audit.record(TAG, actor=None, result="done")
    with pytest.raises(DatabaseError):
        connection.cursor().execute("DELETE FROM audit_event")


@pytest.mark.django_db
def test_a_process_that_keeps_the_lock_delays_events_and_stops_none(
    settings: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    monkeypatch.setattr(checkpoints, "LOCK_WAIT", 0.05)
    (checkpoints.audit_dir()).mkdir(parents=True)
    with (checkpoints.audit_dir() / "head.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        checkpoints.sign_head(Head(1, "0" * 64), 1_790_000_000_000)
    assert checkpoints.read_head() is None
    checkpoints.sign_head(Head(1, "0" * 64), 1_790_000_000_000)
    assert checkpoints.read_head() is not None
