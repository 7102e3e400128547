"""manage.py create_issuer_key: the key with which the web app signs site tokens; does nothing when there is one."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.issuer import SigningKeyError, create_signing_key, load_signing_key
from accounts.issuer.keys import DEFAULT_ALGORITHM
from relay_bridge.contract.tokens import ALGORITHMS


class Command(BaseCommand):
    help = "Create the issuer's signing key, unless it exists. Prints its kid, never the key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--algorithm", choices=ALGORITHMS, default=DEFAULT_ALGORITHM)

    def handle(self, *args: Any, algorithm: str, **options: Any) -> None:
        path = Path(settings.SIGHTLINE.signing_key)
        try:
            if path.exists():
                key, word = load_signing_key(path), "exists"
            else:
                key, word = create_signing_key(path, algorithm), "created"
        except SigningKeyError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Signing key {key.kid} {word} at {path}.")
