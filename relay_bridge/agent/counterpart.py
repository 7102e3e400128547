"""The web app's checkpoints as the agent keeps them, and the agent's journal held against what the web app keeps of it.

Each side tells the other where its trail stands. So a tail that was cut off at one side, with everything that was
signed there, is found at the other (docs/threats.md, T24).
"""

from __future__ import annotations

import asyncio
import logging

from relay_bridge.agent.journal import Journal
from relay_bridge.agent.journal_files import (
    COUNTERPART,
    START,
    JournalDamaged,
    hash_at,
    read_checkpoint,
    write_checkpoint,
)
from relay_bridge.agent.journal_key import signature_holds
from relay_bridge.contract.audit import WEB_CHAIN, Checkpoint

logger = logging.getLogger(__name__)


class Counterpart:
    """What one agent knows of the web app's trail."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._said: Checkpoint | None = None  # a contradiction is recorded once, not once a minute

    def held(self) -> Checkpoint | None:
        """Where the web app's trail stood when it last told us."""
        try:
            return read_checkpoint(self._journal.folder / COUNTERPART)
        except (JournalDamaged, OSError) as error:
            logger.error("What the web app told of its audit trail cannot be read: %s.", error)  # noqa: TRY400
            return None

    def take(self, told: Checkpoint) -> Checkpoint | None:
        """Keep what the web app tells of its trail; answers what was kept before. What goes backwards is not kept."""
        before = self.held()
        if told.chain != WEB_CHAIN or not signature_holds(told):
            self._contradicted(told, "it is not signed with the key that it names")
        elif before is not None and (told.seq < before.seq or (told.seq == before.seq and told.hash != before.hash)):
            self._contradicted(told, f"the web app's trail stood at event {before.seq} before")
        elif told != before and self._journal.available:
            if before is not None and told.key != before.key:
                facts = {"kid": told.key, "before_kid": before.key}
                self._journal.record("audit:counterpart:key-changed", result="done", facts=facts)
            try:
                write_checkpoint(self._journal.folder / COUNTERPART, told, sync=True)
            except OSError as error:
                logger.error("What the web app tells of its audit trail could not be kept: %s.", error)  # noqa: TRY400
        return before

    async def agrees(self, kept: Checkpoint) -> bool:
        """Whether our journal still is what the web app keeps of it; if not, that is recorded."""
        if kept.chain == self._journal.chain and await asyncio.to_thread(self._holds, kept):
            return True
        logger.error("This agent's journal is not what it was: event %d is missing or another one.", kept.seq)
        self._contradicted(kept, "this journal has another event at that place, or none")
        return False

    def _holds(self, kept: Checkpoint) -> bool:
        """Reads one file of the journal."""
        try:
            start = read_checkpoint(self._journal.folder / START)
            if start is not None and kept.seq < start.seq:
                return True  # from before the oldest file that is kept
            return hash_at(self._journal.folder, kept.seq) == kept.hash
        except (JournalDamaged, OSError):
            return False

    def _contradicted(self, checkpoint: Checkpoint, why: str) -> None:
        if checkpoint == self._said:
            return
        self._said = checkpoint
        self._journal.record(
            "audit:counterpart:contradicted",
            result="failed",
            subject=checkpoint.chain,
            reason=why,
            facts={"seq": str(checkpoint.seq), "hash": checkpoint.hash},
        )
