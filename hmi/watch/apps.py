"""The app of what people watch; it tells the live pages below it which favourites somebody has."""

from __future__ import annotations

from django.apps import AppConfig


class WatchConfig(AppConfig):
    name = "hmi.watch"
    label = "watch"
    verbose_name = "Watching"

    def ready(self) -> None:
        from hmi.live.chosen_entries import register_lookup  # noqa: PLC0415 - apps must be loaded first
        from hmi.live.favourites_view import register_finder  # noqa: PLC0415 - apps must be loaded first
        from hmi.watch.favourites import wishes_of  # noqa: PLC0415
        from hmi.watch.lists import entries_for_socket, entries_of_pages  # noqa: PLC0415

        register_finder(wishes_of)
        register_lookup(entries_for_socket, entries_of_pages)
