"""``Acting``: all of it for one site. What a request asks for, rules 1 to 3, the book of what was done, its life."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from relay_bridge.agent.acting.attempt import Attempts
from relay_bridge.agent.acting.executor import Executor
from relay_bridge.agent.acting.fresh import Fresh
from relay_bridge.agent.acting.key_store import Deed, KeyStore, StoreFailed
from relay_bridge.agent.acting.openings import NOT_YET, Openings
from relay_bridge.agent.acting.pace import MEMORY_MS, Pace
from relay_bridge.agent.acting.records import Records
from relay_bridge.agent.acting.rules import check_command, check_person, check_time, check_token, check_write
from relay_bridge.agent.acting.wish import Wish, shown
from relay_bridge.agent.acting_config import Entry, WriteEntry
from relay_bridge.agent.admission import Admitted
from relay_bridge.agent.catalog import Catalog
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.journal import Journal
from relay_bridge.agent.mode_switch import Switch
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.contract.acting import ActAnswer, Cmd, TraceRow, Write
from relay_bridge.contract.errors import RequestRefused

RETRY_STORE = 60.0  # seconds before a file of keys that failed is tried again
MAX_REFUSALS = 500  # of all persons, for ``trace``; the journal keeps them all
logger = logging.getLogger(__name__)


class Acting:
    """``open``, ``run`` and ``close`` belong to the agent's run; ``write`` and ``cmd`` to the sessions."""

    def __init__(
        self, store: KeyStore, pace: Pace, openings: Openings, executor: Executor, records: Records,
        *, catalog: Catalog, journal: Journal, clock: Clock,
    ) -> None:  # fmt: skip
        self.openings = openings
        self._store = store
        self._pace = pace
        self._executor = executor
        self._records = records
        self._catalog = catalog
        self._journal = journal
        self._clock = clock
        self._refusals: deque[Deed] = deque(maxlen=MAX_REFUSALS)

    @property
    def available(self) -> bool:
        """True while keys can be kept; without that nothing is done."""
        return self._store.available

    # --- the agent's run ----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what the last run left. Never raises: a file that cannot be used is told, and acting stays closed."""
        try:
            interrupted = await self._store.open()
            now = self._clock.wall_ms()
            self._pace.take_up(await self._store.recent(now - MEMORY_MS), now)
        except StoreFailed as error:
            logger.error("Nothing is written until this is mended: %s.", error)  # noqa: TRY400 - told in words
            return
        for action in interrupted:
            logger.error("%s was under way when the agent ended: nobody knows its outcome", action.target)
            family = "write" if action.kind == "write" else "command"
            self._journal.record(
                f"agent:{family}:unknown", result="failed", actor=action.sub, subject=action.target,
                reason="Found unfinished when the agent started.", facts={"begun": action.aid},
            )  # fmt: skip

    async def run(self) -> None:
        """Ask sources about the entries, and try again a file of keys that failed, until cancelled."""
        await asyncio.gather(self.openings.run(), self._keep_open())

    async def _keep_open(self) -> None:
        while True:
            await asyncio.sleep(RETRY_STORE)
            if not self._store.available:
                await self.open()
            await self._executor.save()

    async def close(self) -> None:
        """Bring what is under way to an end, and the file with it."""
        await self._executor.close()
        await self._store.close()

    # --- requests -----------------------------------------------------------------------------------------------------

    async def write(self, write: Write, admitted: Admitted, session: str) -> ActAnswer:
        """One write by all the rules; ``RequestRefused`` when nothing was stored and nothing done."""
        wish = Wish(
            "write", write.tag, write.v, write.unit, write.exp, write.key, write.t, write.why, admitted.sub, session
        )
        return await self._act(wish, self.openings.writes.get(write.tag), admitted)

    async def cmd(self, cmd: Cmd, admitted: Admitted, session: str) -> ActAnswer:
        """One command, by the same rules."""
        wish = Wish("cmd", cmd.id, True, "", cmd.exp, cmd.key, cmd.t, cmd.why, admitted.sub, session)
        return await self._act(wish, self.openings.commands.get(cmd.id), admitted)

    async def _act(self, wish: Wish, entry: Entry | None, admitted: Admitted) -> ActAnswer:
        try:
            entry = self._judge(wish, entry, admitted)
        except RequestRefused as refusal:
            await self._add_known_outcome(wish, refusal)
            self._records.refused(wish, refusal)
            self._note_refusal(wish, refusal)
            raise
        try:
            return await self._executor.carry_out(wish, entry)
        except RequestRefused as refusal:
            self._note_refusal(wish, refusal)
            raise

    def _judge(self, wish: Wish, entry: Entry | None, admitted: Admitted) -> Entry:
        now = self._clock.wall()
        check_token(wish, admitted, now)
        if entry is None:
            known = self._catalog.row(wish.target) is not None
            raise RequestRefused("read_only" if known else "not_found", "This site lets nobody change this.")
        check_person(entry, admitted, now)
        reason = self.openings.closed(entry)
        if reason:
            raise RequestRefused("source_down" if reason == NOT_YET else "read_only", f"This is closed now: {reason}")
        if isinstance(entry, WriteEntry):
            row = self._catalog.row(wish.target)
            check_write(entry, wish, row.unit if row is not None else "")
        else:
            check_command(entry, wish)  # type: ignore[arg-type]
        check_time(entry, wish, self._clock.wall_ms())
        return entry

    async def _add_known_outcome(self, wish: Wish, refusal: RequestRefused) -> None:
        """A repetition that comes too late is refused like any late request, and told what became of the first."""
        if refusal.code != "expired":
            return
        with contextlib.suppress(RequestRefused):
            known = await self._executor.outcome(wish.sub, wish.key)
            if known is not None:
                refusal.detail = {**(refusal.detail or {}), "res": known.res, "pending": known.pending}

    # --- the book -----------------------------------------------------------------------------------------------------

    async def outcome(self, sub: str, key: str) -> ActAnswer | None:
        """What became of a key of this person's."""
        return await self._executor.outcome(sub, key)

    async def trace(self, sub: str, most: int) -> list[TraceRow]:
        """This person's last actions, newest first: what was kept, and what was refused since the start."""
        return [deed.row for deed in await self.deeds(most, sub)]

    async def deeds(self, most: int, sub: str | None = None) -> list[Deed]:
        """The last actions of everybody, or of one person, newest first."""
        try:
            deeds = await self._store.trace(sub, most)
        except StoreFailed:
            raise RequestRefused("busy", "The site's record cannot be read now: ask again.") from None
        deeds += [deed for deed in self._refusals if sub is None or deed.sub == sub]
        deeds.sort(key=lambda deed: deed.row.t, reverse=True)
        return deeds[:most]

    def _note_refusal(self, wish: Wish, refusal: RequestRefused) -> None:
        row = TraceRow(
            t=self._clock.wall_ms(), what="write" if wish.kind == "write" else "cmd", target=wish.target,
            res="refused", key=wish.key, msg=refusal.message, why=wish.why,
        )  # fmt: skip
        self._refusals.append(Deed(wish.sub, row))


def open_acting(
    config: SiteConfig,
    drivers: Mapping[str, Driver],
    *,
    subscriptions: Subscriptions,
    ceiling: Ceiling,
    catalog: Catalog,
    journal: Journal,
    switch: Switch,
    clock: Clock,
) -> Acting:
    """Put the parts together; nothing runs yet, and no file is opened."""

    def changed(entry: Entry, reason: str) -> None:
        catalog.changed()
        family = "write" if isinstance(entry, WriteEntry) else "command"
        tag = f"agent:{family}:{'closed' if reason else 'opened'}"
        limits = {}
        if isinstance(entry, WriteEntry):
            limits = {"min": shown(entry.min), "max": shown(entry.max)}
        journal.record(tag, result="done", subject=entry.id, reason=reason, facts=limits)

    openings = Openings(
        config.writes, config.commands, drivers, subscriptions, ceiling, monotonic=clock.monotonic, changed=changed
    )
    store = KeyStore(Path(config.acting.memory), clock.wall_ms)
    limits = config.limits
    pace = Pace(
        per_user=limits.writes_per_minute_user, per_site=limits.writes_per_minute_site, monotonic=clock.monotonic
    )
    records = Records(journal)
    attempts = Attempts(
        Fresh(drivers, subscriptions, ceiling), openings, drivers=drivers, tags={tag.id: tag for tag in config.tags},
        subscriptions=subscriptions, ceiling=ceiling, decimals=catalog.decimals, switch=switch, clock=clock,
    )  # fmt: skip
    executor = Executor(store, pace, attempts, records=records, clock=clock)
    catalog.offer(openings)
    return Acting(store, pace, openings, executor, records, catalog=catalog, journal=journal, clock=clock)
