"""manage.py issuer_keys: the issuer's public keys as a file for a site that was away during a whole rotation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.issuer import SigningKeyError, load_ring


class Command(BaseCommand):
    help = "Print the public keys that a site pins: what belongs into trust/issuer.jwks.json there."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ring = load_ring(Path(settings.SIGHTLINE.signing_key))
        except SigningKeyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(ring.public_jwks(time.time()), indent=1))
