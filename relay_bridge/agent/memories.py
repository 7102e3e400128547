"""``AdmissionMemory``: which token ids were presented, by which session, and the highest epoch of each grant.

Bounded, and it never forgets what it still needs. When it cannot remember (full, or its file takes nothing) one rule
holds: **whatever writes is refused, and looking goes on**. A token that only reads is still bound to the web app's
certificate and to this site, and dead within minutes; a write that could come twice could move a valve.
"""

from __future__ import annotations

import logging

from relay_bridge.agent.replay_store import RETRY_EVERY, Epoch, Presented, ReplayStore, StoreFailed
from relay_bridge.contract.refusals import TokenRefused
from relay_bridge.contract.tokens import CLOCK_SKEW, MAX_LIFE, WRITE_LIFE

# 50 tokens a second for MAX_LIFE + 2 x CLOCK_SKEW = 360 s; under 4 MB.
MAX_TOKEN_IDS = 18_000
MAX_GRANTS = 18_000
# A token under an older epoch was signed before the epoch rose, so it is dead after this many seconds.
EPOCH_MEMORY = MAX_LIFE + 2 * CLOCK_SKEW
# Without the memory of the last run: every token that writes and may have been presented then is dead after this.
BLIND_TIME = WRITE_LIFE + 2 * CLOCK_SKEW
logger = logging.getLogger(__name__)


class AdmissionMemory:
    """Times are epoch seconds by this machine's clock. Without a store nothing outlives a restart: no write is let in.

    ``open`` before the first token, ``close`` after the last.
    """

    def __init__(
        self, store: ReplayStore | None = None, *, max_token_ids: int = MAX_TOKEN_IDS, max_grants: int = MAX_GRANTS
    ) -> None:
        self._store = store
        self._max_token_ids = max_token_ids
        self._max_grants = max_grants
        self._presented: dict[str, Presented] = {}
        self._epochs: dict[str, Epoch] = {}
        self._blind_until = 0.0
        self._retry_at = 0.0
        self._full = False

    def open(self, now: float) -> None:
        """Take up what the last run left. A file that cannot be used is said in the log; tried again every minute."""
        if self._store is None:
            return
        self._retry_at = now + RETRY_EVERY
        try:
            kept = self._store.open()
            for presented in kept.presented:
                self._presented.setdefault(presented.jti, presented)
            for epoch in kept.epochs:
                known = self._epochs.get(epoch.gid)
                if known is None or known.epoch < epoch.epoch:
                    self._epochs[epoch.gid] = epoch
            self._store.keep(self._presented.values(), self._epochs.values(), sync=True)
        except StoreFailed as error:
            logger.error("Nothing that writes is let in until this is mended: %s.", error)  # noqa: TRY400
            return
        if kept.fresh:
            self._blind_until = now + BLIND_TIME

    @property
    def durable(self) -> bool:
        """True while what is remembered outlives a restart; otherwise nothing that writes is let in."""
        return self._store is not None and self._store.durable

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def session_of(self, jti: str) -> str | None:
        """The session that first presented this id, or None."""
        entry = self._presented.get(jti)
        return entry.session if entry else None

    def highest_epoch(self, gid: str) -> int | None:
        """The highest epoch seen of a grant, or None."""
        entry = self._epochs.get(gid)
        return entry.epoch if entry else None

    def remember(self, presented: Presented, epoch: Epoch, *, writes: bool) -> None:
        """Keep both; ``TokenRefused`` (``memory-full``, ``memory-lost``) when ``writes`` and they cannot be kept.

        Called once everything else about the token holds, so that a refused token uses up nothing.
        """
        now = epoch.seen
        if not self._make_room(presented.jti, epoch.gid, now):
            if writes:
                raise TokenRefused("memory-full")
            self._say_full()
            return
        self._full = False
        kept = self._keep(presented, epoch, now, sync=writes)
        if writes and (not kept or now < self._blind_until):
            raise TokenRefused("memory-lost")
        self._presented[presented.jti] = presented
        self._epochs[epoch.gid] = epoch

    def _make_room(self, jti: str, gid: str, now: float) -> bool:
        """Drop what is over, when there is no place left; False when everything is still needed."""
        over = [] if self._has_place(jti) else [p.jti for p in self._presented.values() if p.until <= now]
        long_unseen = (
            [] if self._has_grant_place(gid) else [e.gid for e in self._epochs.values() if e.seen + EPOCH_MEMORY <= now]
        )
        for token_id in over:
            del self._presented[token_id]
        for grant in long_unseen:
            del self._epochs[grant]
        if (over or long_unseen) and self._store is not None and self._store.durable:
            try:
                self._store.forget(over, long_unseen)
            except StoreFailed as error:
                self._say_lost(error)
        return self._has_place(jti) and self._has_grant_place(gid)

    def _has_place(self, jti: str) -> bool:
        return jti in self._presented or len(self._presented) < self._max_token_ids

    def _has_grant_place(self, gid: str) -> bool:
        return gid in self._epochs or len(self._epochs) < self._max_grants

    def _keep(self, presented: Presented, epoch: Epoch, now: float, *, sync: bool) -> bool:
        if self._store is None:
            return False
        if not self._store.durable and now >= self._retry_at:
            self.open(now)
        if not self._store.durable:
            return False
        try:
            self._store.keep([presented], [epoch], sync=sync)
        except StoreFailed as error:
            self._say_lost(error)
            self._retry_at = now + RETRY_EVERY
            return False
        return True

    def _say_lost(self, error: StoreFailed) -> None:
        logger.error("Nothing that writes is let in until this is mended: %s.", error)

    def _say_full(self) -> None:
        if not self._full:
            logger.error(
                "The memory of presented tokens is full (%d ids, %d grants): nothing that writes is let in, and tokens "
                "that read are let in without being remembered.", len(self._presented), len(self._epochs),
            )  # fmt: skip
        self._full = True

    def __len__(self) -> int:
        return len(self._presented)
