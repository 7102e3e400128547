"""The app of the sites: what a site is, who may see it, and how it is reached."""

from __future__ import annotations

from django.apps import AppConfig


class SitesConfig(AppConfig):
    name = "hmi.sites"
    label = "sites"
    verbose_name = "Sites and grants"

    def ready(self) -> None:
        from hmi.sites import access_changes, token_ends  # noqa: PLC0415 - models exist only from here on

        access_changes.connect()
        token_ends.connect()
