"""Two bounded memories of admission: which token ids were presented, and the highest epoch of each grant.

Neither ever forgets what it still needs: when it is full of live entries, the newcomer is refused.
"""

from __future__ import annotations

from relay_bridge.contract.tokens import CLOCK_SKEW, MAX_LIFE

# At 50 tokens a second for MAX_LIFE + 2 x CLOCK_SKEW = 360 s: 18 000 ids, under 4 MB.
MAX_TOKEN_IDS = 20_000
MAX_GRANTS = 20_000
# A token under an older epoch was signed before the epoch rose, so it is dead after this many seconds.
EPOCH_MEMORY = MAX_LIFE + 2 * CLOCK_SKEW


class MemoryFull(Exception):  # noqa: N818 - a state of the memory, told in words
    """Everything remembered is still needed."""


class PresentedTokens:
    """Token ids with the session that presented them, kept until the token is dead.

    A read token may be presented again on its own session (a renewal that was repeated); on another session it
    is a copy. Not kept over a restart: reads are harmless twice, and no token outlives ``MAX_LIFE``.
    """

    def __init__(self, limit: int = MAX_TOKEN_IDS) -> None:
        self._limit = limit
        self._seen: dict[str, tuple[str, float]] = {}

    def session_of(self, jti: str) -> str | None:
        """The session that first presented this id, or ``None``."""
        entry = self._seen.get(jti)
        return entry[0] if entry else None

    def remember(self, jti: str, session: str, until: float, now: float) -> None:
        """Keep ``jti`` until ``until`` (epoch s); raises ``MemoryFull``."""
        if jti not in self._seen and len(self._seen) >= self._limit:
            self._seen = {known: entry for known, entry in self._seen.items() if entry[1] > now}
            if len(self._seen) >= self._limit:
                raise MemoryFull("the memory of presented tokens is full")
        self._seen[jti] = (session, until)

    def __len__(self) -> int:
        return len(self._seen)


class GrantEpochs:
    """The highest epoch seen of each grant: whoever shows a lower one shows a permission that has changed since."""

    def __init__(self, limit: int = MAX_GRANTS) -> None:
        self._limit = limit
        self._highest: dict[str, tuple[int, float]] = {}

    def highest(self, grant: str) -> int | None:
        entry = self._highest.get(grant)
        return entry[0] if entry else None

    def remember(self, grant: str, epoch: int, now: float) -> None:
        """Keep the higher of the known and this epoch; raises ``MemoryFull``."""
        known = self._highest.get(grant)
        if known is None and len(self._highest) >= self._limit:
            self._highest = {g: entry for g, entry in self._highest.items() if entry[1] + EPOCH_MEMORY > now}
            if len(self._highest) >= self._limit:
                raise MemoryFull("the memory of grant epochs is full")
        self._highest[grant] = (max(epoch, known[0]) if known else epoch, now)

    def __len__(self) -> int:
        return len(self._highest)
