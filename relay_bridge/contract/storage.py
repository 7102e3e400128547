"""How full the storage of an audit trail is, by one rule for the web app's and an agent's (IEC 62443-3-3 SR 2.9, RE 1).

A trail has a bound: as many bytes as it may take. It is full when it has taken them, and just as full when the volume
has no more room for what it has not taken yet.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

WARN, ALARM = 0.75, 0.90  # share of the bound
MEGABYTE = 1_000_000
Level = Literal["ok", "warn", "alarm"]


class Storage(NamedTuple):
    """``used`` by the trail, ``free`` on its volume, ``bound`` of the trail, all in bytes; ``bound`` is above 0."""

    used: int
    free: int
    bound: int

    @property
    def share(self) -> float:
        """0 for an empty trail with all its room left, 1 when not one event more fits."""
        left = max(min(self.bound - self.used, self.free), 0)
        return 1 - left / self.bound

    @property
    def level(self) -> Level:
        share = self.share
        return "alarm" if share >= ALARM else "warn" if share >= WARN else "ok"

    @property
    def words(self) -> str:
        """One sentence, at any level; where the room goes and how much is left."""
        text = f"Storage of the audit trail: {self.share:.0%} of {_megabytes(self.bound)} are used"
        if self.free < self.bound - self.used:
            return f"{text}, for the volume has only {_megabytes(self.free)} left."
        return f"{text}."


def _megabytes(count: int) -> str:
    return f"{max(count, 0) / MEGABYTE:.0f} MB"
