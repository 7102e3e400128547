"""What time it is at the site, told from the times that its agent writes into every push."""

from __future__ import annotations

from collections import deque

SAMPLES = 60  # pushes; about a minute, so that a clock that was set right is believed within one


class AgentClock:
    """The agent's clock against the web app's own, both in epoch ms.

    A push is always older on arrival than when it was written, so the largest difference seen lately is the best one.
    """

    def __init__(self) -> None:
        self._differences: deque[int] = deque(maxlen=SAMPLES)

    def heard(self, agent_time: int, own_time: int) -> None:
        self._differences.append(agent_time - own_time)

    def forget(self) -> None:
        """Another session, perhaps another machine: start again."""
        self._differences.clear()

    @property
    def offset(self) -> int:
        """The agent's clock minus ours in ms; 0 before anything was heard."""
        return max(self._differences, default=0)

    def agent_time(self, own_time: int) -> int:
        return own_time + self.offset
