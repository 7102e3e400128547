"""``Switch``: how the site's own switch stands now, who must hear of a change, and which methods it lets through.

The folder is looked at twice a second, and once more right before anything is changed at the plant.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from relay_bridge.agent.journal import Journal
from relay_bridge.agent.mode import Signature, read_plain, read_state, signature, strictest
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.errors import RequestRefused

LOOK_EVERY = 0.5  # seconds; a turned switch is known to every phone within 2 s
# Says nothing of the plant and does nothing to it. Without keys and trail a site that was off for long could not be
# reached again, and without auth the web app would take the site for one that refuses it.
OPEN_WHEN_OFF: Final = frozenset({"hello", "ping", "auth", "drop", "keys", "trail"})
CLOSED_WHEN_READ_ONLY: Final = frozenset({"write", "cmd", "ack", "shelve"})
_WORDS: Final = {"off": "switched off", "read-only": "switched to read-only"}
logger = logging.getLogger(__name__)


class ModeListener(Protocol):
    """A session's stream, as seen from here."""

    def mode_changed(self, mode: SiteMode) -> None:
        """The switch stands like this from now on."""


class Switch:
    """One site's switch. ``run`` belongs to the agent's run; ``look`` may be called at any time."""

    def __init__(self, folder: Path, journal: Journal, wall_ms: Callable[[], int]) -> None:
        self.folder = folder
        self._journal = journal
        self._wall_ms = wall_ms
        self._listeners: set[ModeListener] = set()
        self._signature: Signature = signature(folder)
        self._state = read_state(folder, None)
        self._found = strictest(self._state, *read_plain(folder))
        self._unrecorded_since = 0  # epoch ms since when the journal takes nothing; 0 while it does
        self._told = self._found

    @property
    def mode(self) -> SiteMode:
        """As it is in force: the files' word, and read-only at the least while the journal cannot be written."""
        if self._journal.available:
            self._unrecorded_since = 0
            return self._found
        self._unrecorded_since = self._unrecorded_since or self._wall_ms()
        why = "The journal of this site cannot be written."
        return strictest(self._found, SiteMode("read-only", "", self._unrecorded_since, why))

    def look(self) -> SiteMode:
        """The mode by the files as they are this very moment."""
        now = signature(self.folder)
        if now != self._signature:
            self._signature = now
            self._state = read_state(self.folder, self._state)
            self._found = strictest(self._state, *read_plain(self.folder))
        return self.mode

    def check(self, method: str) -> None:
        """``RequestRefused`` ``read_only`` for a method that the switch does not let through now."""
        mode = self.mode.mode
        closed = method in CLOSED_WHEN_READ_ONLY if mode == "read-only" else method not in OPEN_WHEN_OFF
        if mode != "full" and closed:
            raise RequestRefused("read_only", f"The site was {_WORDS[mode]} at the plant.", detail={"mode": mode})

    # --- who hears of it ----------------------------------------------------------------------------------------------

    def join(self, listener: ModeListener) -> None:
        """From now on ``listener`` hears of changes, and of the present mode at once."""
        self._listeners.add(listener)
        listener.mode_changed(self.mode)

    def leave(self, listener: ModeListener) -> None:
        self._listeners.discard(listener)

    async def run(self) -> None:
        """Look at the files until cancelled."""
        if self._found.mode != "full":
            logger.warning("the switch at the plant stands at %s%s", self._found.mode, _said(self._found))
        while True:
            try:
                self.tell()
            except Exception:
                logger.exception("the switch at the plant could not be looked at: read-only from now on")
                self._signature = ()
                self._found = strictest(self._found, SiteMode("read-only", "", self._wall_ms(), "The switch broke."))
            await asyncio.sleep(LOOK_EVERY)

    def tell(self) -> None:
        """Look, and tell everybody when the mode is another one."""
        mode = self.look()
        if mode == self._told:
            return
        before, self._told = self._told, mode
        logger.warning("the switch at the plant: %s (before: %s)%s", mode.mode, before.mode, _said(mode))
        facts = {"mode": mode.mode, "before": before.mode}
        self._journal.record("agent:mode:changed", result="done", subject=mode.by, reason=mode.why, facts=facts)
        for listener in tuple(self._listeners):
            listener.mode_changed(mode)


def _said(mode: SiteMode) -> str:
    by = f", by {mode.by}" if mode.by else ""
    return f"{by}{': ' + mode.why if mode.why else ''}"
