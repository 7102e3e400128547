"""The app of the shift hand-over; it notes what becomes of the sites' links, which nobody else keeps."""

from __future__ import annotations

from django.apps import AppConfig


class ShiftsConfig(AppConfig):
    name = "hmi.shifts"
    label = "shifts"
    verbose_name = "Shift hand-over"

    def ready(self) -> None:
        from hmi.live.link_news import follow_links  # noqa: PLC0415 - only once the apps are loaded
        from hmi.shifts.link_log import LinkLog  # noqa: PLC0415

        follow_links(LinkLog().link_changed)
