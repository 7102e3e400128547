"""manage.py notes_cleanup: removes notes and photos that are older than they are kept. Run it once a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.audit.context import acting_as
from hmi.notes.retention import remove_old


class Command(BaseCommand):
    help = "Remove notes older than SIGHTLINE_NOTES_KEEP_DAYS, and photos that belong to no note."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting_as():
            removed = remove_old(timezone.now())
        self.stdout.write(f"Removed {removed.notes} note(s) and {removed.photos} photo(s) without a note.")
