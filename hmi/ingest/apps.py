"""The app of the standing links to the sites."""

from __future__ import annotations

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "hmi.ingest"
    label = "ingest"
    verbose_name = "Links to sites"

    def ready(self) -> None:
        from hmi.ingest.links import Links  # noqa: PLC0415 - models exist only from here on
        from hmi.live.demand import register_provider  # noqa: PLC0415

        register_provider(Links())
