"""manage.py audit: verify, export, checkpoint, retire."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command

from accounts.audit.models import Event
from accounts.models import User
from hmi.bridge_settings import BridgeSettings
from relay_bridge.contract.audit import AuditEvent, Checkpoint
from tests.accounts.audit.conftest import fill
from tests.support.audit_trail import without_triggers

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def state(settings: Any, tmp_path: Path) -> None:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("audit", *words, stdout=out)
    return out.getvalue()


def test_verify_says_that_it_holds_and_records_it() -> None:
    fill(30)
    assert "The audit trail holds: 30 events (1 to 30)" in run("verify")
    event = Event.objects.order_by("-seq")[0]
    assert event.tag == "audit:chain:verified" and event.username.endswith("(command line)")


def test_verify_names_the_first_bad_row_and_fails() -> None:
    fill(30)
    with without_triggers() as cursor:
        cursor.execute("UPDATE audit_event SET username = 'mallory' WHERE seq = 17")
    with pytest.raises(CommandError, match=r"Row 17: it was changed after it was written\."):
        run("verify")
    assert Event.objects.order_by("-seq")[0].tag == "audit:chain:broken"


@pytest.mark.parametrize("gone", ["audit/head.json", "secrets/audit.key.pem"])
def test_verify_fails_when_what_was_signed_is_missing(settings: Any, gone: str) -> None:
    """Whoever cuts the tail removes what would show it; nothing to compare with is not the same as whole."""
    fill(30, signed_every=10)
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq > 20")
        cursor.execute("DELETE FROM audit_checkpoint WHERE seq > 20")
    (settings.SIGHTLINE.state_dir / "audit/head.json").unlink()
    (settings.SIGHTLINE.state_dir / gone).unlink(missing_ok=True)
    with pytest.raises(CommandError, match="not everything that was signed could be compared"):
        run("verify", "--quiet")
    assert (settings.SIGHTLINE.state_dir / "secrets/audit.key.pem").exists() == (gone != "secrets/audit.key.pem")
    with pytest.raises(CommandError, match="Nothing was archived"):
        run("retire", "--keep-days", "1", "--out", str(settings.SIGHTLINE.state_dir / "archive"))


def test_verify_fails_when_everything_was_wiped(settings: Any) -> None:
    fill(30)
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event")
        cursor.execute("DELETE FROM audit_checkpoint")
    (settings.SIGHTLINE.state_dir / "audit/head.json").unlink()
    with pytest.raises(CommandError, match=r"head\.json is missing"):
        run("verify", "--quiet")


def test_checkpoint_kept_elsewhere_finds_a_cut_tail(tmp_path: Path, settings: Any) -> None:
    fill(30)
    kept = tmp_path / "kept.jsonl"
    kept.write_text(run("checkpoint"))
    assert msgspec.json.decode(kept.read_bytes(), type=Checkpoint).seq == 30
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq > 20")
        cursor.execute("DELETE FROM audit_checkpoint")
    (settings.SIGHTLINE.state_dir / "audit" / "head.json").unlink()
    with pytest.raises(CommandError, match=r"Row 21: it is missing.*the tail was cut"):
        run("verify", "--quiet", "--checkpoints", str(kept))


def test_export_writes_a_private_file_and_is_recorded(tmp_path: Path) -> None:
    fill(10)
    assert "10 events written" in run("export", "--out", str(tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o600
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=AuditEvent).seq for line in lines] == list(range(1, 11))
    assert Event.objects.order_by("-seq")[0].tag == "audit:trail:exported"
    with pytest.raises(CommandError, match="Cannot write"):
        run("export", "--out", str(tmp_path / "out.jsonl"))
    assert run("export", "--format", "csv", "--until", "2026-09-21T14:20").count("\r\n") == 7  # heading, 1 to 6
    with pytest.raises(CommandError, match="is no date"):
        run("export", "--since", "yesterday")


def test_retire_archives_and_removes(tmp_path: Path) -> None:
    fill(120)
    assert "120 event(s) archived and removed" in run("retire", "--keep-days", "1", "--out", str(tmp_path / "archive"))
    assert Event.objects.order_by("seq")[0].seq == 121
    assert run("verify", "--quiet").startswith("The audit trail holds")
    with pytest.raises(CommandError, match="1 or more"):
        run("retire", "--keep-days", "0", "--out", str(tmp_path))


def test_new_key_after_a_loss_is_decided_by_an_administrator_and_said_by_verify(settings: Any) -> None:
    fill(30)
    root = User.objects.create_superuser("root", password="wet Tuesday, dry Thursday")
    words = ("new-key", "--who", "root", "--why", "The disk with the key is lost, and so is its backup.")
    with pytest.raises(CommandError, match="nothing has to be replaced"):
        run(*words)
    (settings.SIGHTLINE.secrets_dir / "audit.key.pem").unlink()
    (settings.SIGHTLINE.state_dir / "audit/head.json").unlink()
    with pytest.raises(CommandError, match=r"No signature could be checked.*audit\.key\.pem"):
        run("verify")
    assert Event.objects.order_by("-seq")[0].tag == "audit:chain:verified"
    with pytest.raises(CommandError, match="recorded in the audit trail"):
        run("export")
    with pytest.raises(CommandError, match="no administrator"):
        run("new-key", "--who", "mallory", "--why", "because I want to cut its tail")
    with pytest.raises(CommandError, match="in 10 to 300 characters"):
        run("new-key", "--who", "root", "--why", "lost")
    assert not (settings.SIGHTLINE.secrets_dir / "audit.key.pem").exists()
    said = run(*words)
    event = Event.objects.get(tag="audit:key:replaced")
    assert f"From event {event.seq} on the trail is signed with a new key" in said
    assert event.subject == f"{root.subject} root" and "disk with the key" in event.reason
    assert event.username.endswith("(command line)")
    assert 30 <= int(msgspec.json.decode(event.facts)["signed_to"]) < event.seq
    assert f"From event {event.seq} on another key signs" in run("verify")
    assert "events" in run("verify")


def test_empty_trail_has_nothing_to_sign() -> None:
    with pytest.raises(CommandError, match="empty"):
        run("checkpoint")
