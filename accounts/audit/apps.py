"""The app of the audit trail: its tables, and what is recorded from signals whoever causes it."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "accounts.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Audit trail"

    def ready(self) -> None:
        from accounts.audit import admin_changes, people, sign_ins  # noqa: PLC0415 - models exist only from here on

        sign_ins.connect()
        people.connect()
        admin_changes.connect()
