"""``SiteAgent``: the whole program at the site. Reads go in at the top and come out at the relay.

    drivers  →  subscriptions (what is watched, newest value)  →  sessions  →  uplink  →  relay
                                         ↑                            ↓
                                     catalog                admission, ceiling

Started by ``cli.py``; tests and benchmarks start it in their own loop::

    agent = SiteAgent(load_config(path))
    task = asyncio.create_task(agent.run())
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.drivers import build_drivers
from relay_bridge.agent.drivers.base import DOWN, Driver
from relay_bridge.agent.handles import LEASE
from relay_bridge.agent.live_plan import HEARTBEAT
from relay_bridge.agent.operation import Operation
from relay_bridge.agent.site import AGENT_NAME, open_site
from relay_bridge.agent.status_page import StatusPage
from relay_bridge.agent.trust import load_trust
from relay_bridge.agent.uplink import Uplink
from relay_bridge.contract.messages import SourceState

DRIVER_RESTART = 5.0  # seconds before a driver that broke is started again
DRIVERS_STOP = 1.0  # seconds for drivers to close their sessions at the sources; the whole end takes under 3 s
HEALTH_INTERVAL = 600.0  # seconds between two lines that say how things are
logger = logging.getLogger(__name__)


class SiteAgent:
    """The agent of one site. ``run`` serves until ``stop`` is called or it is cancelled; both end it in good order.

    ``drivers`` (by source id) replace those of the configuration. Raises ``ConfigError`` when keys, pins or
    certificates cannot be used.
    """

    def __init__(
        self,
        config: SiteConfig,
        drivers: Mapping[str, Driver] | None = None,
        *,
        clock: Clock | None = None,
        lease: float = LEASE,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        clock = clock or Clock()
        now = datetime.datetime.fromtimestamp(clock.wall(), datetime.UTC)
        self.config = config
        self.trust = load_trust(config.trust, now)
        self.drivers = dict(drivers) if drivers is not None else build_drivers(config)
        self.site = open_site(config, self.trust, self.drivers, clock, lease=lease, heartbeat=heartbeat)
        self.uplink = Uplink(
            config.relay, self.trust, self.site, max_sessions=config.limits.sessions, key_file=config.relay_file
        )
        self.operation = Operation(config, self.site, self.uplink, self.trust)
        self.status_page = StatusPage(config, self.site, self.operation.report).server()
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """End ``run``: sessions get a bye, sources are left properly."""
        self._stop.set()

    async def run(self) -> None:
        """Serve until stopped. A dead source or relay is a state and is told in words; it does not end this.

        ``AlreadyRunning`` when another agent serves this folder.
        """
        self.operation.open()
        logger.info("site %s: %d tags of %d sources", self.site.id, len(self.config.tags), len(self.drivers))
        for warning in self.config.warnings:
            logger.warning("%s", warning)
        self.site.admission.memory.open(self.site.clock.wall())
        self.site.journal.open()
        self._note_config()
        self.site.alarms.open()
        self.site.gauges.open()
        self.site.consistency.open()
        if self.site.acting is not None:
            await self.site.acting.open()
        sources = [asyncio.create_task(self._supervise(driver)) for driver in self.drivers.values()]
        uplink = asyncio.create_task(self.uplink.run())
        health = asyncio.create_task(self._tell_health())
        alarms = asyncio.create_task(self._keep_alarms())
        history = asyncio.create_task(self._keep_history())
        consistency = asyncio.create_task(self._keep_consistency())
        switch = asyncio.create_task(self.site.switch.run())
        acting = asyncio.create_task(self._keep_acting())
        page = [asyncio.create_task(self.status_page.run())] if self.status_page is not None else []
        operation = asyncio.create_task(self.operation.run())
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({uplink, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if uplink.done():
                uplink.result()  # it never ends by itself: whatever it raises is an error of this program
        finally:
            await asyncio.gather(self.uplink.drain(), self._close_acting())
            parts = [uplink, health, operation, stopped, alarms, history, consistency, switch, acting]
            await _end([*parts, *page, *sources], DRIVERS_STOP)
            self.site.alarms.close()
            self.site.admission.memory.close()
            self.site.journal.close()
            self.operation.close()
            logger.info("site %s: stopped", self.site.id)

    def _note_config(self) -> None:
        """What this agent was told to do, by the digest of its file: a changed file shows as another one."""
        try:
            digest = hashlib.sha256(self.config.path.read_bytes()).hexdigest()
        except OSError:  # it was read a moment ago; a site can do without the file until its next start
            digest = ""
        facts = {
            "version": AGENT_NAME,
            "sources": str(len(self.drivers)),
            "tags": str(len(self.config.tags)),
            "hash": digest,
        }
        self.site.journal.record("agent:config:loaded", result="done", subject=self.config.path.name, facts=facts)

    async def _supervise(self, driver: Driver) -> None:
        """Drivers look after their own connection; one that breaks all the same does not take the others along."""
        while True:
            try:
                await driver.run(self.site.subscriptions)
            except Exception:
                logger.exception(
                    "the driver of source %s broke; it starts again in %.0f s", driver.source, DRIVER_RESTART
                )
            state = SourceState(DOWN, self.site.clock.wall_ms(), "the driver broke and starts again")
            self.site.subscriptions.source_state(driver.source, state)
            await asyncio.sleep(DRIVER_RESTART)

    async def _keep_alarms(self) -> None:
        """The alarms' own work; what breaks in it is begun again and takes nothing else along."""
        while True:
            try:
                await self.site.alarms.run()
            except Exception:
                logger.exception("keeping the alarms failed; it starts again in %.0f s", DRIVER_RESTART)
            await asyncio.sleep(DRIVER_RESTART)

    async def _keep_history(self) -> None:
        """As with the alarms."""
        while True:
            try:
                await self.site.recorder.run()
            except Exception:
                logger.exception("keeping the history failed; it starts again in %.0f s", DRIVER_RESTART)
            await asyncio.sleep(DRIVER_RESTART)

    async def _keep_consistency(self) -> None:
        """As with the alarms."""
        while True:
            try:
                await self.site.consistency.run()
            except Exception:
                logger.exception("looking at the tanks' figures failed; it starts again in %.0f s", DRIVER_RESTART)
            await asyncio.sleep(DRIVER_RESTART)

    async def _keep_acting(self) -> None:
        """As with the alarms, where this site acts at all."""
        while self.site.acting is not None:
            try:
                await self.site.acting.run()
            except Exception:
                logger.exception("keeping the writes failed; it starts again in %.0f s", DRIVER_RESTART)
            await asyncio.sleep(DRIVER_RESTART)

    async def _close_acting(self) -> None:
        if self.site.acting is not None:
            await self.site.acting.close()

    async def _tell_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL)
            states = self.site.subscriptions.states()
            sources = ", ".join(f"{source} {_STATE_WORDS[state.code]}" for source, state in states.items())
            logger.info(
                "relay %s, %d sessions, %d tags watched, journal %s, sources: %s",
                self.uplink.state.status,
                self.uplink.sessions,
                self.site.subscriptions.watched(),
                self._journal_words(),
                sources,
            )

    def _journal_words(self) -> str:
        storage = self.site.journal.storage.look()
        if storage is None or not self.site.journal.available:
            return "takes no events"
        return f"{storage.share:.0%} full"


_STATE_WORDS = {0: "ok", 1: "degraded", 2: "down"}


async def _end(tasks: Sequence[asyncio.Task[Any]], deadline: float) -> None:
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=deadline)
    if late:
        logger.warning("%d parts did not stop within %.0f s", len(late), deadline)
