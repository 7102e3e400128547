"""``manage.py texts``: bring the catalogues of translations up to date with the code, and make what is made of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from hmi.languages.choices import TRANSLATED


class Command(BaseCommand):
    help = (
        "Collects every text that is marked for translation, writes hmi/locale/*/LC_MESSAGES/django.po, and makes "
        "django.mo and static/js/texts/*.js of them. Says which translations are missing or wrong."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help="print each fault, not only their number")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from hmi.languages import catalogues  # noqa: PLC0415 - Babel is a developer's tool
            from hmi.languages.collecting import collect  # noqa: PLC0415
        except ImportError as error:
            raise CommandError(f"{error}. Babel belongs to the developer's packages: run `make setup`.") from error
        collected = collect()
        for code in TRANSLATED:
            catalog = catalogues.brought_up_to_date(code, collected)
            file = catalogues.po_file(code)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(catalogues.po_bytes(catalog))
            catalog = catalogues.load(code)
            file.with_suffix(".mo").write_bytes(catalogues.mo_bytes(catalog))
            catalogues.script_file(code).parent.mkdir(parents=True, exist_ok=True)
            catalogues.script_file(code).write_text(catalogues.script_text(catalog), "utf-8")
            wrong = catalogues.faults(catalog)
            self.stdout.write(f"{code}: {len(catalog)} texts, {len(wrong)} to do")
            if options["list"]:
                for fault in wrong:
                    self.stdout.write(f"  {fault}")
