"""manage.py expired_cleanup: deletes what has expired, so that tables do not grow for ever. Run it once a day."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand

from accounts.first_party import CLEANUP_BATCH, delete_expired
from accounts.issuer import SigningKeyError, drop_retired

KEEP_SIGN_INS = 90  # days of "who signed in when" (axes' access log)


class Command(BaseCommand):
    help = "Delete expired access tokens and sessions, retired signing keys, and sign-ins older than 90 days."

    def handle(self, *args: Any, **options: Any) -> None:
        tokens = count = delete_expired(time.time())
        while count == CLEANUP_BATCH:
            count = delete_expired(time.time())
            tokens += count
        SessionStore.clear_expired()
        sign_ins = AxesProxyHandler.reset_logs(age_days=KEEP_SIGN_INS)
        _drop_retired_keys(self)
        self.stdout.write(f"Deleted {tokens} access token(s), {sign_ins} old sign-in(s) and every expired session.")


def _drop_retired_keys(command: Command) -> None:
    """A private key whose overlap is over has no business on any disk."""
    path = Path(settings.SIGHTLINE.signing_key)
    if not path.exists():
        return
    try:
        for kid in drop_retired(path, time.time()):
            command.stdout.write(f"Dropped the signing key {kid}: its overlap is over.")
    except SigningKeyError as error:
        command.stderr.write(str(error))
