"""``manage.py pin_agent SLUG CERTIFICATE``: trust another certificate of a site's agent from now on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from hmi.sites.conduit_changes import record_change
from hmi.sites.models import Conduit
from relay_bridge.secure_channel.errors import PinError
from relay_bridge.secure_channel.pins import Pin, read_pin

MAX_FILE = 16_384  # bytes; a P-256 certificate has about 700


class Command(BaseCommand):
    help = "Pin the certificate that a site's agent shows; the one before is no longer believed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("certificate", help="PEM file from the site; compare the printed thumbprint by telephone")

    def handle(self, *args: Any, **options: Any) -> None:
        conduit = Conduit.objects.select_related("site").filter(site__slug=options["slug"]).first()
        if conduit is None:
            raise CommandError(f"There is no provisioned site {options['slug']!r}.")
        pin = _read(Path(options["certificate"]))
        certificate = x509.load_der_x509_certificate(pin.der)
        now = timezone.now()
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            raise CommandError(f"{options['certificate']} is not valid today; make another one at the site.")
        conduit.agent_pin, conduit.keys_changed = pin.pem, now
        with transaction.atomic():
            conduit.save()
            what, facts = f"pinned {pin.thumbprint}", {"thumbprint": pin.thumbprint}
            record_change(conduit, what, "", now, tag="conduit:agent:pinned", facts=facts)
        self.stdout.write(
            f"{conduit.site.name}: pinned {pin.thumbprint}, valid until {certificate.not_valid_after_utc:%Y-%m-%d}."
        )


def _read(path: Path) -> Pin:
    try:
        with path.open("rb") as file:
            return read_pin(file.read(MAX_FILE).decode("ascii"))
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from error
    except (PinError, UnicodeDecodeError, ValueError) as error:
        raise CommandError(f"{path} holds no certificate that can be pinned: {error}.") from error
