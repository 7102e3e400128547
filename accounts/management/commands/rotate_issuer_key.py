"""manage.py rotate_issuer_key: a new key signs from now on; the old one stays good for the overlap and is then dropped.

Sites get the new keys over their sealed sessions, with no visit: at once where one is open, and at the next one.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import audit
from accounts.issuer import Rotation, SigningKeyError, rotate
from accounts.issuer.key_ring import DEFAULT_OVERLAP
from relay_bridge.contract.tokens import ALGORITHMS


class Command(BaseCommand):
    help = "Sign with a new key from now on, and let sites take the old one for the overlap."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--overlap", type=float, default=DEFAULT_OVERLAP, metavar="HOURS",
            help=f"how long sites still take the old key; {DEFAULT_OVERLAP:g} by default. A site that is not reached "
            "in this time needs its key file brought by hand (docs/tokens.md)",
        )  # fmt: skip
        parser.add_argument("--algorithm", choices=ALGORITHMS, help="by default the old key's")

    def handle(self, *args: Any, overlap: float, algorithm: str | None, **options: Any) -> None:
        now = time.time()
        try:
            with audit.acting_as(), transaction.atomic():
                path = Path(settings.SIGHTLINE.signing_key)
                done = rotate(path, now, overlap=overlap, algorithm=algorithm, record=_record)
        except (SigningKeyError, audit.AuditUnavailable) as error:
            raise CommandError(str(error)) from error
        kid = str(done.ring.signing.kid)
        self.stdout.write(f"Signing with {kid} from now on (sequence {done.ring.sequence}).")
        self.stdout.write(f"Sites take {done.old_kid} until {_utc(done.until)}.")
        self.stdout.write("Bring the new key to every site before that: manage.py announce_issuer_keys")


def _record(done: Rotation) -> None:
    facts = {
        "kid": str(done.ring.signing.kid),
        "before_kid": done.old_kid,
        "until": _utc(done.until),
        "sequence": str(done.ring.sequence),
    }
    audit.record("issuer:key:rotated", actor=None, result="done", subject="issuer", facts=facts)


def _utc(moment: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
