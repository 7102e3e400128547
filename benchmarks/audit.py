"""The audit trail: how fast events are recorded, and how long a million of them take to verify.

    python -m benchmarks.audit                 a million rows, printed (docs/audit.md has the figures)
    python -m benchmarks.audit --rows 20000    a smaller run

In a state folder of its own, with the settings of the tests. The rows are put in through the same triggers as any,
by the statement that Django makes, and signed every 1000 rows as in operation.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

BATCH = 5000
RECORDED = 500  # events recorded one by one, each in a transaction of its own
SIGNED_EVERY = 1000


def main() -> int:
    rows = _options().rows
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django  # noqa: PLC0415 - its settings must be named first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    from accounts.audit.verify import verify  # noqa: PLC0415

    alone = _record_some()
    begun = time.perf_counter()
    _fill(rows)
    filled = time.perf_counter() - begun
    begun, cpu = time.perf_counter(), time.process_time()
    verdict = verify()
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    print(f"recorded one by one: {alone * 1000:.2f} ms an event")
    print(f"filled: {rows} rows in {filled:.1f} s")
    print(
        f"verified: {verdict.rows} rows and {verdict.checkpoints} signed statements in {took:.1f} s "
        f"({cpu:.1f} s of CPU), {'whole' if verdict.holds else verdict.broken}"
    )
    return 0 if verdict.holds else 1


def _record_some() -> float:
    """Seconds of one event, transaction and signature included."""
    from accounts import audit  # noqa: PLC0415

    begun = time.perf_counter()
    for _ in range(RECORDED):
        audit.record("person:session:signed-in", actor=None, result="done", subject="a person")
    return (time.perf_counter() - begun) / RECORDED


def _fill(rows: int) -> None:
    from django.db import transaction  # noqa: PLC0415

    from accounts.audit.chain import Head, head  # noqa: PLC0415
    from accounts.audit.checkpoints import keep, make_checkpoint, sign_head  # noqa: PLC0415
    from accounts.audit.models import Event  # noqa: PLC0415

    made = _rows(head(), rows)
    stood, last_at = head(), 0
    while True:
        batch = [Event(**values) for values in itertools.islice(made, BATCH)]
        if not batch:
            break
        with transaction.atomic():
            Event.objects.bulk_create(batch)
            for event in batch:
                if event.seq % SIGNED_EVERY == 0:
                    keep(make_checkpoint(Head(event.seq, event.hash), event.at))
        stood, last_at = Head(batch[-1].seq, batch[-1].hash), batch[-1].at
    sign_head(stood, last_at)


def _rows(stood: Any, count: int) -> Iterator[dict[str, Any]]:
    from relay_bridge.contract.audit import WEB_CHAIN, event_hash  # noqa: PLC0415

    previous = stood.hash
    for seq in range(stood.seq + 1, stood.seq + 1 + count):
        values = {
            "seq": seq,
            "at": 1_790_000_000_000 + seq * 100,
            "tag": "token:access:opened",
            "result": "done",
            "actor": f"{seq % 500:08x}-0000-4000-8000-000000000000",
            "username": f"person{seq % 500}",
            "site_id": f"{seq % 20:08x}-0000-4000-8000-000000000001",
            "site": f"site-{seq % 20}",
            "subject": "North Terminal",
            "reason": "",
            "source": "192.0.2.17",
            "request_id": f"{seq:032x}",
            "facts": f'{{"epoch":"1","grant":"{seq:08x}","scope":"status:read data:live"}}',
        }
        values["hash"] = event_hash(WEB_CHAIN, *values.values(), previous)  # type: ignore[arg-type]
        values["previous"] = previous
        previous = str(values["hash"])
        yield values


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
