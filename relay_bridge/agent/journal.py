"""The agent's own audit trail: what happened at this site, in files that only grow, each event chained to the last.

Written at once and put on the disk (fsync) within ``SYNC_WITHIN``; then ``head.json`` is signed anew. Old files go when
there are too many or they are too old, and a signed ``start.json`` says where the chain goes on from. A disk that takes
nothing is not the end of reading: ``available`` turns False, which whoever writes to the plant must ask first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.journal_budget import JournalBudget
from relay_bridge.agent.journal_files import (
    HEAD,
    KEY,
    START,
    JournalDamaged,
    first_event,
    journal_files,
    journal_name,
    last_event,
    lock_folder,
    read_checkpoint,
    sync_and_sign,
    write_checkpoint,
)
from relay_bridge.agent.journal_key import JournalKey, create_journal_key, load_journal_key
from relay_bridge.agent.journal_storage import JournalStorage
from relay_bridge.contract.audit import (
    AGENT_TAGS,
    MAX_NAME,
    MAX_REASON,
    MAX_REQUEST_ID,
    NO_HASH,
    AuditEvent,
    Checkpoint,
    Result,
    check_facts,
    cut,
    hash_of,
    without_secrets,
)

MAX_FILE = 4 * 1024 * 1024  # bytes of one file, some 8 000 events
MAX_FILES = 100  # so the journal never takes more than 400 MB
SYNC_WITHIN = 0.05  # seconds: one fsync for all events of a burst
REOPEN_AFTER = 60.0  # seconds before a folder that failed is tried again
DAY_MS = 24 * 3600 * 1000
logger = logging.getLogger(__name__)


class Journal:
    """One folder, used by one agent. ``open`` and ``close`` belong to the agent's run."""

    def __init__(
        self,
        folder: Path,
        site: str,
        *,
        keep_days: int,
        wall_ms: Callable[[], int],
        monotonic: Callable[[], float],
        max_file: int = MAX_FILE,
        max_files: int = MAX_FILES,
    ) -> None:
        self.folder = folder
        self.chain = f"site:{site}"
        self._site = site
        self._keep_ms = keep_days * DAY_MS
        self._wall_ms = wall_ms
        self._monotonic = monotonic
        self._max_file, self._max_files = max_file, max_files
        self.storage = JournalStorage(folder, bound=max_file * max_files, keep_days=keep_days)
        self._file: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._key: JournalKey | None = None
        self._seq, self._hash = 0, NO_HASH
        self._size = 0
        self._syncing: asyncio.Task[None] | None = None
        self._budget = JournalBudget(monotonic)
        self._wanted = False
        self._retry_at = 0.0

    @property
    def available(self) -> bool:
        """True while events are stored."""
        return self._file is not None

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        return self._seq, self._hash

    # --- the agent's run ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make or continue the journal. Never raises: a folder that cannot be used is told in the log, and retried."""
        self._wanted = True
        try:
            self._open()
        except (OSError, ConfigError, JournalDamaged) as error:
            self._give_up(error)
        self.storage.look()

    def revive(self) -> None:
        """Try a folder that failed again, once its time has come: nobody may have anything to record."""
        if self._wanted and self._file is None and self._monotonic() >= self._retry_at:
            self.open()

    def close(self) -> None:
        """Put everything on the disk and let go of the folder."""
        self._wanted = False
        if self._syncing is not None:
            self._syncing.cancel()
        if self._file is not None:
            try:
                self._put_down()
            except OSError as error:
                logger.error("The journal could not be closed properly: %s.", error)  # noqa: TRY400 - told in words
        self._let_go()

    # --- events -------------------------------------------------------------------------------------------------------

    def record(
        self,
        tag: str,
        *,
        result: Result,
        actor: str = "",
        subject: str = "",
        reason: str = "",
        session: str = "",
        facts: Mapping[str, str] | None = None,
        owed: bool = False,
    ) -> AuditEvent | None:
        """Append one event; None when it was not stored, which the log says. ``actor``: the person's subject.

        ``owed``: the outcome of something that is in the journal as begun; a flood of others does not push it out.
        ``ValueError`` for a tag or fact outside the closed list, and for a fact that looks like a secret.
        """
        checked = check_facts(tag, AGENT_TAGS[tag], dict(facts or {}))
        if not self._wanted:
            return None
        self.revive()
        if self._file is None or not (self._budget.spend() or owed):
            return None
        values: dict[str, Any] = {
            "actor": actor[:36],
            "subject": cut(without_secrets(subject), MAX_NAME),
            "reason": cut(without_secrets(reason), MAX_REASON),
            "request_id": session[:MAX_REQUEST_ID],
            "facts": checked,
        }
        try:
            if not owed and (count := self._budget.owed()):
                self._append(tag="agent:journal:overflowed", result="failed", facts={"count": str(count)})
            event = self._append(tag=tag, result=result, **values)
            self._sync_soon()
        except OSError as error:
            self._give_up(error)
            return None
        return event

    def checkpoint(self) -> Checkpoint | None:
        """Where the journal stands now, signed; None when it is not open or empty."""
        if self._key is None or not self._seq:
            return None
        return self._key.checkpoint(self.chain, self._seq, self._hash, self._wall_ms())

    # --- inside -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._let_go()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = lock_folder(self.folder / "lock")
        files = journal_files(self.folder)
        head, start = read_checkpoint(self.folder / HEAD), read_checkpoint(self.folder / START)
        begun = bool(files) or head is not None
        key = self.folder / KEY
        self._key = load_journal_key(key) if begun or key.exists() else create_journal_key(key)
        last = last_event(files[-1]) if files else None
        missing = head is not None and (last is None or last.seq < head.seq)
        if missing and head is not None:
            self._seq, self._hash = head.seq, head.hash  # numbers are never given twice
        elif last is not None:
            self._seq, self._hash = last.seq, last.hash
        elif start is not None:
            self._seq, self._hash = start.seq, start.hash
        else:
            self._seq, self._hash = 0, NO_HASH
        if files and not missing:
            self._file = files[-1].open("ab")
            self._size = self._file.tell()
        else:
            self._new_file()
        if missing:
            facts = {"seq": str(last.seq if last is not None else 0)}
            reason = f"Events up to {self._seq} were signed, and the last ones are missing."
            logger.error("The journal was damaged: %s", reason)
            self._append(tag="agent:journal:damaged", result="failed", reason=reason, facts=facts)
            self._put_down()

    def _append(self, *, tag: str, result: Result, **values: Any) -> AuditEvent:
        assert self._file is not None  # noqa: S101 - the callers looked
        if self._size >= self._max_file:
            self._put_down()
            self._new_file()
            self._remove_old()
            self.storage.look()
        defaults: dict[str, Any] = {"actor": "", "subject": "", "reason": "", "request_id": "", "facts": {}}
        event = AuditEvent(
            chain=self.chain, seq=self._seq + 1, at=self._wall_ms(), tag=tag, result=result, username="", site_id="",
            site=self._site, source="", previous=self._hash, **(defaults | values),
        )  # fmt: skip
        event = msgspec.structs.replace(event, hash=hash_of(event))
        line = msgspec.json.encode(event) + b"\n"
        self._file.write(line)
        self._file.flush()
        self._seq, self._hash, self._size = event.seq, event.hash, self._size + len(line)
        return event

    def _new_file(self) -> None:
        if self._file is not None:
            self._file.close()
        path = self.folder / journal_name(self._seq + 1)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file, self._size = os.fdopen(handle, "ab"), path.stat().st_size

    def _remove_old(self) -> None:
        """Whole files, the oldest first, never the one being written; the signed start comes before the removal."""
        files = journal_files(self.folder)
        oldest = self._wall_ms() - self._keep_ms
        # A file ends where the next one begins, so what was changed in the old one keeps nobody from removing it.
        while len(files) > 2 and self._key is not None:
            try:
                following = first_event(files[1])
            except JournalDamaged as damage:
                logger.error("Old files of the journal are kept, because %s.", damage)  # noqa: TRY400 - told in words
                return
            if len(files) <= self._max_files and following.at >= oldest:
                return
            start = self._key.checkpoint(self.chain, following.seq - 1, following.previous, self._wall_ms())
            write_checkpoint(self.folder / START, start, sync=True)
            files.pop(0).unlink()

    def _sync_soon(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._put_down()
            return
        if self._syncing is None or self._syncing.done():
            self._syncing = loop.create_task(self._sync(), name="journal-sync")

    async def _sync(self) -> None:
        """In a thread, because a disk may take its time; again while there is more."""
        while self._file is not None:
            await asyncio.sleep(SYNC_WITHIN)
            if self._file is None or self._key is None:
                return
            seq, hash_ = self._seq, self._hash
            handle = os.dup(self._file.fileno())  # the file may be rotated or closed meanwhile
            head = self._key.checkpoint(self.chain, seq, hash_, self._wall_ms())
            try:
                await asyncio.to_thread(sync_and_sign, handle, self.folder / HEAD, head)
            except OSError as error:
                self._give_up(error)
                return
            if seq == self._seq:
                return

    def _put_down(self) -> None:
        if self._file is None or self._key is None or not self._seq:
            return
        self._file.flush()
        head = self._key.checkpoint(self.chain, self._seq, self._hash, self._wall_ms())
        sync_and_sign(os.dup(self._file.fileno()), self.folder / HEAD, head)

    def _give_up(self, error: Exception) -> None:
        self._let_go()
        self._retry_at = self._monotonic() + REOPEN_AFTER
        logger.error("The journal takes no events, and nothing that writes is let in until it does: %s.", error)

    def _let_go(self) -> None:
        for file in (self._file, self._lock):
            if file is not None:
                with contextlib.suppress(OSError):
                    file.close()
        self._file = self._lock = None
