"""The app of OAuth for others."""

from __future__ import annotations

from django.apps import AppConfig


class OAuthConfig(AppConfig):
    name = "accounts.oauth"
    label = "oauth"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Other applications"

    def ready(self) -> None:
        from accounts.oauth import checks, endings  # noqa: F401, PLC0415 - models exist only now; checks register

        endings.connect()
