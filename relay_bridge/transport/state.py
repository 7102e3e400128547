"""What a listener is doing, since when and why: for health pages, logs and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

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
