"""Where Django finds the rows of this app; each is described in the file it comes from."""

from __future__ import annotations

from hmi.watch.favourites import Favourite
from hmi.watch.list_models import WatchEntry, WatchList
from hmi.watch.recent import Opened

__all__ = ["Favourite", "Opened", "WatchEntry", "WatchList"]
