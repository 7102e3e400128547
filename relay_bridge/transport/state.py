"""What a listener is doing, since when and why: for health pages, logs and tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

logger = logging.getLogger(__name__)

Status = Literal["connecting", "online", "offline"]


@dataclass(frozen=True)
class ListenerState:
    """``online`` means a proven round trip to the relay, not merely an open socket.

    ``since``: Unix seconds of the latest change of ``status``. ``reason``: in words, why it is not online; else empty.
    """

    status: Status
    since: float
    reason: str = ""


StateCallback = Callable[[ListenerState], None]


class StateKeeper:
    """The state of one listener. ``place`` names it in the log, ``clock`` gives Unix seconds."""

    def __init__(self, place: str, clock: Callable[[], float], changed: StateCallback | None) -> None:
        self._place = place
        self._clock = clock
        self._changed = changed
        self.current = ListenerState("connecting", clock())
        self.online = asyncio.Event()

    def set(self, status: Status, reason: str) -> None:
        """A new status or reason; what is the same already is no news."""
        old = self.current
        if (old.status, old.reason) == (status, reason):
            return
        self.current = ListenerState(status, old.since if old.status == status else self._clock(), reason)
        if status == "online":
            self.online.set()
            logger.info("%s: listening", self._place)
        else:
            self.online.clear()
        if self._changed is not None:
            try:
                self._changed(self.current)
            except Exception:
                logger.exception("%s: state_changed failed", self._place)
