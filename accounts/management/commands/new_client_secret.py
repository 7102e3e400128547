"""manage.py new_client_secret: makes the secret of a confidential application and writes it into a file, once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from oauth2_provider.models import Application

from accounts import audit
from accounts.audit import acting_as
from accounts.oauth import authorizations
from accounts.oauth.clients import CONFIDENTIAL, kind_of


class Command(BaseCommand):
    help = "Make a new secret for an application; the old one, and every token it bought, is worth nothing after that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client_id")
        parser.add_argument("--out", type=Path, required=True, help="a new file for the secret, mode 0600")

    def handle(self, *args: Any, client_id: str, out: Path, **options: Any) -> None:
        client = Application.objects.filter(client_id=client_id, client_type=CONFIDENTIAL).first()
        if client is None or not kind_of(client.client_type, client.authorization_grant_type):
            raise CommandError(f"There is no confidential application {client_id}.")
        secret = secrets.token_urlsafe(32)
        try:
            handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"Cannot write {out}: {error.strerror}. Name a file that is not there yet.") from error
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secret + "\n")
        with acting_as(), transaction.atomic():
            client.client_secret = make_password(secret)
            client.save(update_fields=["client_secret"])
            authorizations.end_all("The application was given a new secret.", application=client)
            audit.record("client:secret:replaced", actor=None, result="done", subject=client_id)
        self.stdout.write(f"The secret of {client_id} is in {out}. Hand the file over and delete it here.")
