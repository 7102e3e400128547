"""manage.py expired_cleanup: deletes what has expired, so that tables do not grow for ever. Run it once a day."""

from __future__ import annotations

import time
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand

from accounts.first_party import CLEANUP_BATCH, delete_expired

KEEP_SIGN_INS = 90  # days of "who signed in when" (axes' access log)


class Command(BaseCommand):
    help = "Delete expired access tokens and sessions, and the log of sign-ins older than 90 days."

    def handle(self, *args: Any, **options: Any) -> None:
        tokens = count = delete_expired(time.time())
        while count == CLEANUP_BATCH:
            count = delete_expired(time.time())
            tokens += count
        SessionStore.clear_expired()
        sign_ins = AxesProxyHandler.reset_logs(age_days=KEEP_SIGN_INS)
        self.stdout.write(f"Deleted {tokens} access token(s), {sign_ins} old sign-in(s) and every expired session.")
