"""``SiteAlarms``: everything about the alarms of one site, put together and kept running.

drivers, limit alarms  →  table (what stands)  →  feeds of the sessions
                              ↓
                      journal (what happened)          acknowledging  →  the source that owns the alarm
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from relay_bridge.agent.ack_book import AckBook
from relay_bridge.agent.alarms import answers, journal, limit_alarms
from relay_bridge.agent.alarms.acknowledging import Acknowledging
from relay_bridge.agent.alarms.answers import Answers
from relay_bridge.agent.alarms.asking import Asking, OwnAlarms
from relay_bridge.agent.alarms.feed import AlarmFeed
from relay_bridge.agent.alarms.journal import AlarmJournal
from relay_bridge.agent.alarms.limit_alarms import LimitAlarms
from relay_bridge.agent.alarms.limit_rules import limit_rules
from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.alarms.rows import RowMaker
from relay_bridge.agent.alarms.shelf_hands import ShelfHands
from relay_bridge.agent.alarms.store import AlarmStore
from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.agent.alarms.words import Words
from relay_bridge.agent.catalog import describe_tags
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.drivers.abilities import AlarmDriver
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.journal import Journal
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.alarms import AlarmRow, JournalKind

TABLES = (*journal.TABLES, *answers.TABLES, *limit_alarms.TABLES)
ACTING = frozenset({"ack", "confirm", "shelve"})
logger = logging.getLogger(__name__)


class SiteAlarms:
    """``open`` before the drivers run, ``run`` beside them, ``close`` after them."""

    def __init__(
        self,
        config: SiteConfig,
        *,
        drivers: Mapping[str, Driver],
        ceiling: Ceiling,
        subscriptions: Subscriptions,
        audit: Journal,
        clock: Clock,
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        """``closed``: whether the switch at the plant keeps people from acting now."""
        self._drivers = drivers
        self._own = {source: cast(AlarmDriver, d) for source, d in drivers.items() if "alarms" in d.capabilities}
        words = Words(ceiling.scrub)
        rows = RowMaker(Places(config.tags, config.assets), words, config.site.id, clock.wall_ms)
        self._store = AlarmStore(Path(config.alarms.memory), TABLES, clock.monotonic)
        self.journal = AlarmJournal(
            self._store, clock.wall_ms, keep_days=config.alarms.journal_days, keep_rows=config.alarms.journal_events
        )
        self._hands = ShelfHands(clock.monotonic)
        self.table = AlarmTable(rows, clock.wall_ms, self._note)
        made_here = [source.id for source in config.sources if getattr(source, "alarms", "none") == "limits"]
        rules = limit_rules(config.tags, made_here)
        self.limits = LimitAlarms(
            rules, table=self.table, store=self._store, values=subscriptions, clock=clock, unit_of=self._unit_of
        )
        self._asking = Asking(
            self.table,
            self._own,
            {source: drivers[source].capabilities for source in self._own},
            made_here=[self.limits],
            closed=closed,
            clean=words.clean,
        )
        self.acknowledging = Acknowledging(
            allowed=config.site.allow_ack,
            table=self.table,
            rows=rows,
            asking=self._asking,
            answers=Answers(self._store, clock.wall_ms),
            hands=self._hands,
            journal=audit,
            clock=clock,
        )
        self._allowed = config.site.allow_ack
        self._wall_ms = clock.wall_ms
        self._consistency = config.site.consistency == "alarm"  # rows of consistency.py: nobody has to acknowledge them

    @property
    def offered(self) -> bool:
        """Whether this site has alarms at all, from its sources or of its own."""
        return bool(self._own) or len(self.limits) > 0 or self._consistency

    @property
    def kept(self) -> bool:
        """True while what people do to alarms outlives a restart, and where there are no alarms."""
        return not self.offered or self._store.durable

    def capabilities(self, of_drivers: frozenset[str] | set[str]) -> set[str]:
        """What phones may be shown, from what the drivers can: with the site's own alarms, without what it forbids."""
        offered = set(of_drivers)
        if len(self.limits):
            offered |= {"alarms", "ack", "shelve"}
        if self._consistency:
            offered |= {"alarms", "shelve"}
        return offered if self._allowed else offered - ACTING

    def adopt(self, own: OwnAlarms) -> None:
        """Alarms of ``own`` stand in the table too: what people do to them is asked of it."""
        self._asking.add(own)

    def book(self) -> AckBook | None:
        """What people acknowledged here; ``None`` where nobody can."""
        if not (self._allowed and self.offered):
            return None
        return AckBook(self._store, self.acknowledging.is_running, self._wall_ms)

    def feed(self) -> AlarmFeed:
        """A list for a session's stream."""
        return AlarmFeed(self.table)

    def open(self) -> None:
        """Open the file, take up what was kept, and ask the drivers for alarms. Never raises."""
        if not self.offered:
            return
        self._store.open()
        self.limits.open()
        for driver in self._own.values():
            driver.watch_alarms(self.table)

    async def run(self) -> None:
        """Keep the journal and the agent's own alarms, until cancelled."""
        if not self.offered:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.journal.run())
            group.create_task(self.limits.run())

    def close(self) -> None:
        """Put everything on the disk and let go of the file."""
        if not self.offered:
            return
        for driver in self._own.values():
            driver.watch_alarms(None)
        self.limits.close()
        self.journal.close()
        self._store.close()

    def _note(self, kind: JournalKind, row: AlarmRow, at: int) -> None:
        """Into the journal, with who did it where the row does not say so."""
        by, comment = self._hands.take(row.id, kind) if kind in {"shelved", "unshelved"} else ("", "")
        self.journal.note(kind, row, at, by, comment)

    def _unit_of(self, tag: TagConfig) -> str:
        return describe_tags([tag], {tag.source: self._drivers[tag.source]})[0].unit
