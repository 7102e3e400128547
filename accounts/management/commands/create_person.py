"""manage.py create_person USERNAME: an account with a password from a file, or a random one that is printed once."""

from __future__ import annotations

import secrets
import stat
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import audit
from accounts.models import User

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else on a phone
GROUPS, GROUP_LENGTH = 5, 4  # 20 characters of 31: 99 bits


class Command(BaseCommand):
    help = "Create an account. Without --password-file a random password is made and printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", default="")
        parser.add_argument("--staff", action="store_true", help="may use the administration pages")
        parser.add_argument("--superuser", action="store_true", help="may administer everything; implies --staff")
        parser.add_argument("--password-file", type=Path, help="a file that only its owner can read; its first line")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User(
            username=User.normalize_username(options["username"]),
            email=User.objects.normalize_email(options["email"]),
            is_staff=options["staff"] or options["superuser"],
            is_superuser=options["superuser"],
        )
        file: Path | None = options["password_file"]
        password = read_password(file) if file else random_password()
        person.set_password(password)
        try:
            person.full_clean()
            validate_password(password, person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        with audit.acting_as():
            person.save()
        self.stdout.write(f"Created {person.username}.")
        if not file:
            self.stdout.write(f"Password, shown this once: {password}")


def random_password() -> str:
    """Twenty random characters in groups that can be read out and typed on a phone."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def read_password(path: Path) -> str:
    """The first line of a file; refuses one that other accounts on this machine can read."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise CommandError(f"Other accounts can read {path}: chmod 600 it first.")
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"Cannot read the password file {path}: {error}.") from error
    if not password:
        raise CommandError(f"{path} is empty.")
    return password
