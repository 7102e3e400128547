"""manage.py role_table: the shipped roles and their scopes as Markdown, for docs/access.md."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts.role_table import role_table


class Command(BaseCommand):
    help = "Print the table of shipped roles and scopes that stands in docs/access.md."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(role_table())
