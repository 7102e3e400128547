"""``Operation``: what makes the agent a service: one per folder, a report every two seconds, a word to systemd.

The word to systemd comes from the agent's own loop: a loop that hangs is not alive, and systemd starts the agent anew.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.folder_lock import FolderLock
from relay_bridge.agent.health import Health, Machine
from relay_bridge.agent.service_notify import ServiceNotify
from relay_bridge.agent.site import Site
from relay_bridge.agent.status_file import remove_report, write_report
from relay_bridge.agent.status_report import StatusReport
from relay_bridge.agent.trust import Trust

if TYPE_CHECKING:
    from relay_bridge.agent.uplink import Uplink

INTERVAL = 2.0  # seconds between two reports
DISK_EVERY = 30.0  # seconds between two looks at the disk
LAST_WRITE = 0.5  # seconds for a report that is being written when the agent stops
logger = logging.getLogger(__name__)


class Operation:
    """``open`` before anything of the folder is used, ``run`` beside the rest, ``close`` at the very end."""

    def __init__(self, config: SiteConfig, site: Site, uplink: Uplink, trust: Trust) -> None:
        self.health = Health(config, site, uplink, trust)
        self._path = Path(config.status.file)
        self._lock = FolderLock(self._path.parent)
        self._notify = ServiceNotify()
        self._monotonic = site.clock.monotonic
        self._told: frozenset[str] = frozenset()
        self._looks = 0
        self._machine: Machine | None = None
        self._disk: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._lost = False
        self._lag = 0.0
        self._journal = site.journal

    def report(self) -> StatusReport:
        """How it stands this moment: the one truth of the state file, of ``status`` and of the control-room page."""
        return self.health.look(self._machine, lag_ms=int(self._lag * 1000))

    def open(self) -> None:
        """``AlreadyRunning`` when another agent serves this folder."""
        self._lock.take()

    def close(self) -> None:
        self._notify.stopping()
        if self._lock.held:
            remove_report(self._path)  # only an agent's own: what is said afterwards would be old
        self._lock.release()

    async def run(self) -> None:
        """Report until cancelled. A disk that hangs or takes nothing holds up neither this nor the word to systemd."""
        self._notify.ready()
        interval = min(INTERVAL, self._notify.watchdog / 3) if self._notify.watchdog else INTERVAL
        try:
            await self._report_for_ever(interval)
        finally:
            if self._writing is not None:  # or it would be there again after ``close`` has removed it
                await asyncio.wait({self._writing}, timeout=LAST_WRITE)

    async def _report_for_ever(self, interval: float) -> None:
        lag, disk_at = 0.0, 0.0
        while True:
            now = asyncio.get_running_loop().time()
            if now >= disk_at:
                disk_at = now + DISK_EVERY
                self._look_at_disk()
            self._lag = lag
            self._journal.revive()
            report = self.report()
            self._tell(report)
            names = ", ".join(sorted({finding.code for finding in report.findings}))
            self._notify.alive(f"{report.state}: {names or 'all is well'}")
            self._write(report)
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(interval)
            lag = max(0.0, asyncio.get_running_loop().time() - began - interval)

    def _look_at_disk(self) -> None:
        if self._disk is None or self._disk.done():
            self._disk = asyncio.create_task(self._ask_disk())

    async def _ask_disk(self) -> None:
        self._machine = await asyncio.to_thread(self.health.ask_machine)

    def _write(self, report: StatusReport) -> None:
        """One at a time: a disk that hangs gets no queue."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_now(report))

    async def _write_now(self, report: StatusReport) -> None:
        try:
            await asyncio.to_thread(write_report, self._path, report)
        except OSError as error:
            if not self._lost:
                logger.error(  # noqa: TRY400 - told in words
                    "%s cannot be written (%s): sightline-site status will not know how this agent stands.",
                    self._path,
                    error.strerror,
                )
            self._lost = True
        else:
            self._lost = False

    def _tell(self, report: StatusReport) -> None:
        """What began and what ended, once each; not in the first seconds, in which everything is still coming up."""
        self._looks += 1
        if self._looks < 3:
            return
        now = frozenset(str(finding) for finding in report.findings)
        for text in sorted(now - self._told):
            logger.warning("health: %s", text)
        codes = {text.rpartition("[")[2] for text in now}
        for text in sorted(self._told - now):
            if text.rpartition("[")[2] not in codes:
                logger.info("health: over: %s", text)
        self._told = now
