"""How full the journal is, told in the log when it passes 75 % and 90 % of its bound, and when there is room again."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from relay_bridge.agent.journal_files import journal_files
from relay_bridge.contract.storage import Level, Storage

logger = logging.getLogger(__name__)
WARNING = "Events before their %d days will go to make room: keep fewer days, or take them elsewhere (journal export)."


class JournalStorage:
    """``bound``: bytes that the journal's files may take together. ``look`` is quick: one stat for each file."""

    def __init__(self, folder: Path, *, bound: int, keep_days: int) -> None:
        self._folder, self._bound, self._keep_days = folder, bound, keep_days
        self._level: Level = "ok"

    def look(self) -> Storage | None:
        """How it is now; None when the folder cannot be looked at, which the journal itself tells. Logs a change."""
        try:
            used = sum(path.stat().st_size for path in journal_files(self._folder))
            storage = Storage(used, shutil.disk_usage(self._folder).free, self._bound)
        except OSError:
            return None
        before, self._level = self._level, storage.level
        if storage.level == before:
            return storage
        if storage.level == "ok":
            logger.info("There is room for the journal again. %s", storage.words)
        else:
            tell = logger.error if storage.level == "alarm" else logger.warning
            tell("%s " + WARNING, storage.words, self._keep_days)
        return storage
