"""The app of the sites: what a site is, who may see it, and how it is reached."""

from __future__ import annotations

from django.apps import AppConfig


class SitesConfig(AppConfig):
    name = "hmi.sites"
    label = "sites"
    verbose_name = "Sites and grants"

    def ready(self) -> None:
        from hmi.sites import (  # noqa: PLC0415 - models exist only from here on
            access_changes,
            access_request_rules,
            approvals,
            company_groups,
            grant_events,
            site_events,
            token_ends,
            view_as,
        )

        access_changes.connect()
        access_request_rules.connect()
        approvals.connect()
        company_groups.connect()
        grant_events.connect()
        site_events.connect()
        token_ends.connect()
        view_as.connect()
