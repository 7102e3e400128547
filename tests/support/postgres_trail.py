"""The audit trail on PostgreSQL, in a process of its own: the web app's settings, with another database.

``python -m tests.support.postgres_trail FOLDER`` makes the trail's tables at the server whose socket lies in
FOLDER, records, manipulates and archives, and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

TAG = "person:account:opened"
EVENTS, WRITERS = 12, 4
PATIENCE = 60  # seconds for the writers together, on a busy machine
COLUMNS = "at, tag, result, actor, username, site_id, site, subject, reason, source, request_id, facts"
ROW = (
    f"INSERT INTO audit_event (seq, {COLUMNS}, previous, hash) SELECT {{seq}}, {COLUMNS}, {{previous}}, "
    "repeat('b', 64) FROM audit_event WHERE seq = (SELECT max(seq) FROM audit_event)"
)
NEXT, LAST_HASH = "(SELECT max(seq) + 1 FROM audit_event)", "hash"
# What somebody with the database's password, but without the right to drop triggers, would try.
ATTEMPTS = {
    "edit": "UPDATE audit_event SET reason = 'nothing' WHERE seq = 2",
    "edit nothing": "UPDATE audit_event SET reason = reason WHERE seq = 2",
    "delete one": "DELETE FROM audit_event WHERE seq = 3",
    "cut the tail": "DELETE FROM audit_event WHERE seq > 3",
    "empty": "TRUNCATE audit_event",
    "empty with the others": "TRUNCATE audit_event, audit_checkpoint, audit_retired CASCADE",
    "insert in the middle": ROW.format(seq=2, previous=LAST_HASH),
    "insert with a gap": ROW.format(seq="(SELECT max(seq) + 2 FROM audit_event)", previous=LAST_HASH),
    "insert after another hash": ROW.format(seq=NEXT, previous="repeat('a', 64)"),
    "take the place of one": ROW.format(seq=2, previous=LAST_HASH) + " ON CONFLICT (seq) DO UPDATE SET reason = ''",
    "edit a checkpoint": "UPDATE audit_checkpoint SET seq = 1",
    "delete checkpoints": "DELETE FROM audit_checkpoint",
    "empty checkpoints": "TRUNCATE audit_checkpoint",
    "empty bridges": "TRUNCATE audit_retired",
}
AFTER_ARCHIVING = {
    "edit a bridge": "UPDATE audit_retired SET last_seq = last_seq + 10",
    "delete a bridge": "DELETE FROM audit_retired",
    "delete beyond the bridge": "DELETE FROM audit_event",
}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    from django.conf import settings  # noqa: PLC0415 - the name of the settings comes first

    settings.DATABASES["default"] = {
        "ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": sys.argv[1],
    }  # fmt: skip
    import django  # noqa: PLC0415

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    # The trail's own tables, which need no others: all of them would take half a minute.
    MigrationExecutor(connection).migrate([("audit", "0001_initial")])
    print(json.dumps(look()))


def look() -> dict[str, Any]:
    from accounts.audit import record  # noqa: PLC0415 - the apps are loaded by now
    from accounts.audit.checkpoints import checkpoint_now  # noqa: PLC0415
    from accounts.audit.models import Event  # noqa: PLC0415
    from accounts.audit.retention import retire_segment  # noqa: PLC0415
    from accounts.audit.storage import storage_now  # noqa: PLC0415
    from accounts.audit.verify import verify  # noqa: PLC0415

    before = Event.objects.count()
    errors = record_side_by_side()
    checkpoint_now()
    found: dict[str, Any] = {
        "recorded": Event.objects.count() - before,
        "errors": errors,
        "holds": verify().holds,
        "used": storage_now().used,
        "refusals": {name: attempt(statement) for name, statement in ATTEMPTS.items()},
        "in the right place": attempt(ROW.format(seq=NEXT, previous=LAST_HASH), undo=True),
    }
    found["holds after the attempts"] = verify().holds
    record(TAG, actor=None, result="done")  # after the checkpoint: the last row always stays
    with tempfile.TemporaryDirectory() as folder:
        retired = retire_segment(time.time_ns() // 1_000_000 + 1000, Path(folder))
    found["retired"] = retired.last if retired is not None else 0
    record(TAG, actor=None, result="done")
    found["left"] = Event.objects.count()
    found["refusals"] |= {name: attempt(statement) for name, statement in AFTER_ARCHIVING.items()}
    found["holds after archiving"] = verify().holds
    found["tampering is found"] = tamper_past_the_triggers()
    return found


def record_side_by_side() -> list[str]:
    """Several writers at once, each in a connection of its own: the advisory lock must order them."""
    from django.db import connection  # noqa: PLC0415

    from accounts.audit import record  # noqa: PLC0415

    errors: list[str] = []

    def write() -> None:
        try:
            for _ in range(EVENTS):
                record(TAG, actor=None, result="done", subject="somebody", facts={})
        except Exception as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=write, daemon=True) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        raise RuntimeError(f"The writers did not finish within {PATIENCE} s; what follows would judge half a trail.")
    return errors


def attempt(statement: str, *, undo: bool = False) -> str:
    """What the database says to it; empty when it lets it through."""
    from django.db import DatabaseError, connection, transaction  # noqa: PLC0415

    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            transaction.set_rollback(undo)
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return ""


def tamper_past_the_triggers() -> bool:
    """The owner of the tables can drop the triggers, and put them back: then ``verify`` finds what was done."""
    from django.db import connection, transaction  # noqa: PLC0415

    from accounts.audit.triggers import triggers_for  # noqa: PLC0415
    from accounts.audit.verify import verify  # noqa: PLC0415

    triggers = triggers_for(connection.vendor)
    with transaction.atomic(), connection.cursor() as cursor:
        for _create, drop in reversed(triggers):
            cursor.execute(drop)
        cursor.execute("UPDATE audit_event SET username = 'somebody else'")
        for create, _drop in triggers:
            cursor.execute(create)
    return not verify().holds and bool(attempt(ATTEMPTS["edit"].replace("seq = 2", "true")))


if __name__ == "__main__":
    main()
