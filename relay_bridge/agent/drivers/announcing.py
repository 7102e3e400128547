"""``Announcer``: how a source stands, told when it changes and never twice."""

from __future__ import annotations

from collections.abc import Callable

from relay_bridge.agent.drivers.base import Sink
from relay_bridge.contract.messages import SourceState

MAX_REASON = 200  # characters, as in SourceState


class Announcer:
    """``now``: epoch ms. ``sink``: whom to tell, None before the driver runs."""

    def __init__(self, source: str, now: Callable[[], int]) -> None:
        self.state: SourceState | None = None
        self.sink: Sink | None = None
        self._source = source
        self._now = now

    @property
    def reason(self) -> str:
        """Why it stands as it does, for a sentence."""
        return self.state.reason if self.state is not None else "not started"

    def announce(self, code: int, reason: str) -> None:
        """The source is in this state from now on; the same trouble in other words has the same beginning."""
        state = self.state
        if state is not None and (state.code, state.reason) == (code, reason[:MAX_REASON]):
            return
        since = state.since if state is not None and state.code == code else self._now()
        self.state = SourceState(code, since, reason[:MAX_REASON])  # type: ignore[arg-type]
        if self.sink is not None:
            self.sink.source_state(self._source, self.state)
