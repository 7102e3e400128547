"""manage.py audit verify | export | checkpoint | storage | retire | new-key: checking the trail and keeping it."""

from __future__ import annotations

import datetime as dt
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import msgspec
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from accounts.audit import AuditUnavailable, acting_as, person_subject, record, try_record
from accounts.audit.chain import head
from accounts.audit.checkpoints import checkpoint_now
from accounts.audit.export import csv_lines, json_lines
from accounts.audit.key_epochs import SHORTEST_REASON, begin_epoch
from accounts.audit.keys import AuditKeyError
from accounts.audit.models import Event
from accounts.audit.retention import DAY_MS, KEEP_DAYS, RetentionError, retire_segment
from accounts.audit.storage import ADVICE, storage_now
from accounts.audit.verify import Verdict, verify
from relay_bridge.contract.audit import MAX_REASON, Checkpoint

MAX_CHECKPOINT_FILE = 1024 * 1024  # bytes
MAX_KEPT = 1000  # checkpoints in it
INCOMPLETE = "The rows follow each other, but not everything that was signed could be compared with them."


class Command(BaseCommand):
    help = "Check the audit trail, export it, sign where it stands, or archive old events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(
            dest="what", required=True, metavar="verify|export|checkpoint|storage|retire|new-key"
        )
        check = commands.add_parser("verify", help="find any edit, deletion, reordering or cut tail")
        check.add_argument(
            "--checkpoints", type=Path, metavar="FILE", help="checkpoints kept elsewhere, one a line (audit checkpoint)"
        )
        check.add_argument("--quiet", action="store_true", help="do not record that the trail was checked")
        export = commands.add_parser("export", help="write events to standard output or a file, oldest first")
        export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
        export.add_argument("--out", type=Path, metavar="FILE", help="a new file, mode 0600 (default: standard output)")
        export.add_argument("--since", metavar="DATE", help="from this day or moment on, ISO 8601, UTC")
        export.add_argument("--until", metavar="DATE", help="before this day or moment")
        commands.add_parser("checkpoint", help="print a signed statement of where the trail stands, to keep elsewhere")
        commands.add_parser("storage", help="say how full its storage is; exit code 1 from 75 %% of the bound on")
        retire = commands.add_parser("retire", help="archive events older than some days and remove them")
        retire.add_argument("--keep-days", type=int, default=KEEP_DAYS, metavar="N", help=f"default: {KEEP_DAYS}")
        retire.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the archive files")
        new_key = commands.add_parser("new-key", help="sign with a new key from here on, for the one before is lost")
        new_key.add_argument("--who", required=True, metavar="USERNAME", help="the administrator who decided it")
        new_key.add_argument("--why", required=True, help="in words, for the auditor")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting_as():
                getattr(self, f"_{options['what'].replace('-', '_')}")(options)
        except (AuditUnavailable, AuditKeyError, RetentionError) as error:
            raise CommandError(str(error)) from error

    def _verify(self, options: dict[str, Any]) -> None:
        begun = time.monotonic()
        verdict = verify(_kept(options["checkpoints"]) if options["checkpoints"] else ())
        took = time.monotonic() - begun
        if not options["quiet"]:
            _record_verdict(verdict)
        if verdict.broken is not None:
            raise CommandError(" ".join([f"The audit trail was tampered with. {verdict.broken}", *verdict.notes]))
        if verdict.notes:
            raise CommandError(f"{INCOMPLETE} {' '.join(verdict.notes)}")
        self.stdout.write(
            f"The audit trail holds: {verdict.rows} events ({verdict.first} to {verdict.last}), "
            f"{verdict.checkpoints} signed statements, checked in {took:.1f} s."
        )
        if verdict.unsigned:
            self.stdout.write(f"The last {verdict.unsigned} event(s) are not covered by a signature yet.")
        for epoch in verdict.epochs:
            self.stdout.write(f"From event {epoch.seq} on another key signs: that event says who decided it, and why.")

    def _storage(self, options: dict[str, Any]) -> None:
        found = storage_now()
        if found.level != "ok":
            raise CommandError(f"{found.words} {ADVICE}")
        self.stdout.write(found.words)

    def _export(self, options: dict[str, Any]) -> None:
        rows = Event.objects.order_by("seq").filter(seq__lte=head().seq)  # what comes now is not in the count
        if options["since"]:
            rows = rows.filter(at__gte=_moment(options["since"]))
        if options["until"]:
            rows = rows.filter(at__lt=_moment(options["until"]))
        limits = " ".join(f"{name} {options[name]}" for name in ("since", "until") if options[name])
        facts = {"format": options["format"], "rows": str(rows.count()), "filter": limits}
        lines = (json_lines if options["format"] == "jsonl" else csv_lines)(rows.iterator(chunk_size=2000))
        record("audit:trail:exported", actor=None, result="done", facts=facts)
        if options["out"] is None:
            for line in lines:
                self.stdout.write(line.decode(), ending="")
            return
        try:
            with options["out"].open("xb") as file:
                options["out"].chmod(0o600)
                file.writelines(lines)
        except OSError as error:
            raise CommandError(f"Cannot write {options['out']}: {error.strerror}.") from error
        self.stdout.write(f"{facts['rows']} events written to {options['out']}.")

    def _checkpoint(self, options: dict[str, Any]) -> None:
        checkpoint = checkpoint_now()
        if checkpoint is None:
            raise CommandError("The audit trail is empty; there is nothing to sign.")
        self.stdout.write(msgspec.json.encode(checkpoint).decode())

    def _retire(self, options: dict[str, Any]) -> None:
        if options["keep_days"] < 1:
            raise CommandError("--keep-days is 1 or more.")
        verdict = verify()
        if verdict.broken is not None:
            raise CommandError(f"Nothing was archived: the audit trail was tampered with. {verdict.broken}")
        if verdict.notes:
            raise CommandError(f"Nothing was archived. {INCOMPLETE} {' '.join(verdict.notes)}")
        before = time.time_ns() // 1_000_000 - options["keep_days"] * DAY_MS
        count = 0
        while (retired := retire_segment(before, options["out"])) is not None:
            count += retired.last - retired.first + 1
            self.stdout.write(f"{retired.file}: events {retired.first} to {retired.last}, SHA-256 {retired.file_hash}")
        self.stdout.write(f"{count} event(s) archived and removed.")

    def _new_key(self, options: dict[str, Any]) -> None:
        who = get_user_model().objects.filter(username=options["who"], is_active=True, is_superuser=True).first()
        if who is None:
            raise CommandError(f"{options['who']} is no administrator with an open account (a superuser).")
        why = options["why"].strip()
        if not SHORTEST_REASON <= len(why) <= MAX_REASON:
            raise CommandError(f"--why says in {SHORTEST_REASON} to {MAX_REASON} characters what became of the key.")
        verdict = verify()  # as far as it goes without the key; what it finds stands in the event
        facts = {"rows": str(verdict.rows), "signed_to": str(verdict.last - verdict.unsigned)}
        if verdict.broken is not None:
            facts["first_bad"] = str(verdict.broken.row)
        event = begin_epoch(who=person_subject(who), why=why, facts=facts)
        self.stdout.write(f"From event {event.seq} on the trail is signed with a new key; keep it in the backup now.")
        self.stdout.write(
            f"Up to event {facts['signed_to']} it was signed with the one before. Compare with what the sites keep: "
            "manage.py exchange_trails, and audit verify --checkpoints."
        )
        if verdict.broken is not None:
            self.stdout.write(f"The trail was tampered with, and verify goes on to say so. {verdict.broken}")


def _record_verdict(verdict: Verdict) -> None:
    if verdict.broken is None:
        facts = {"rows": str(verdict.rows), "last": str(verdict.last)}
        reason = " ".join(verdict.notes)
        result = "failed" if reason else "done"
        # Also without its key: what was found about a trail that cannot be signed is worth keeping.
        try_record("audit:chain:verified", actor=None, result=result, reason=reason, facts=facts)
    else:
        facts = {"rows": str(verdict.rows), "first_bad": str(verdict.broken.row)}
        try_record("audit:chain:broken", actor=None, result="failed", reason=verdict.broken.why, facts=facts)


def _kept(path: Path) -> list[Checkpoint]:
    try:
        data = sys.stdin.buffer.read(MAX_CHECKPOINT_FILE) if str(path) == "-" else path.read_bytes()
        lines = [line for line in data[:MAX_CHECKPOINT_FILE].splitlines() if line.strip()]
        return [msgspec.json.decode(line, type=Checkpoint) for line in lines[:MAX_KEPT]]
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise CommandError(f"{path} holds something else than checkpoints, one a line: {error}.") from error


def _moment(text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no date; write one like 2026-11-22 or 2026-11-22T14:00.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp() * 1000)
