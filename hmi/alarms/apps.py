"""Starts the alarms' part of the web app."""

from __future__ import annotations

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    name = "hmi.alarms"
    label = "alarms"

    def ready(self) -> None:
        from hmi.alarms.list_view import find_list  # noqa: PLC0415 - only once the apps are loaded
        from hmi.live.alarm_lists import register_list_maker  # noqa: PLC0415

        register_list_maker(find_list)
