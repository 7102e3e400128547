"""``RestDriver``: the supervisor of one HTTP source. Come up, poll what is watched, announce what happens, again."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from relay_bridge.agent.config_rest import RestSource
from relay_bridge.agent.drivers.announcing import Announcer
from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK, Load, Sink
from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.demand import Demand
from relay_bridge.agent.drivers.rest.grouping import PlaceValues, id_values, make_units
from relay_bridge.agent.drivers.rest.heartbeat import Heartbeat
from relay_bridge.agent.drivers.rest.history import History
from relay_bridge.agent.drivers.rest.offering import Offering
from relay_bridge.agent.drivers.rest.polling import Polling
from relay_bridge.agent.drivers.rest.present import Present
from relay_bridge.agent.drivers.rest.problems import NotThere, SettingsError, Trouble
from relay_bridge.agent.drivers.rest.reading import outcome, refuse_nothing
from relay_bridge.agent.drivers.rest.requests import Requests
from relay_bridge.agent.drivers.rest.sign_of_life import sign_of_life
from relay_bridge.agent.drivers.rest.units import Found, RestTag, Unit
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading
from relay_bridge.protocol.backoff import full_jitter

PAUSE_MIN, PAUSE_BASE, PAUSE_MAX = 0.5, 1.0, 4.0  # seconds between two attempts to come up, full jitter
SETTLED: Final = 10.0  # seconds: a life this long starts the back-off anew
SILENT_IN_A_ROW: Final = 3  # unanswered requests without an answer between them: nobody is there
READABLE: Final = "its login crosses the network readable, because url begins with http: whoever listens can use it"
logger = logging.getLogger(__name__)


class RestDriver(Offering):
    """The driver of one HTTP source (``relay_bridge.agent.drivers.base.Driver``).

    ``clock`` gives seconds since the epoch, ``chance`` numbers in [0, 1) for the back-off.
    """

    describes = False  # there is no use in waiting for units

    def __init__(
        self,
        settings: RestSource,
        tags: Iterable[RestTag],
        *,
        secret: str | None = None,
        place_values: PlaceValues = id_values,
        alarms: AlarmPolling | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.source = settings.id
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._talk = Conversation(settings, secret)
        tags = list(tags)
        self._units, beating = make_units(settings.group, tags, settings.heartbeat, place_values)
        if not self._units:
            raise SettingsError("no tag stands at this source, so nothing would tell whether it is there")
        self._unit_of = {tag: unit for unit in self._units for tag in unit.tags}
        self._heartbeat = Heartbeat(beating, settings.stale_s) if beating is not None else None
        self._history = History(settings.history, tags, self._talk, place_values) if settings.history else None
        self._alarms = alarms
        self.capabilities = frozenset({"read", "subscribe"})
        for part in (self._history, self._alarms):
            if part is not None:
                self.capabilities |= part.capabilities
        self._present = Present(self._now)
        self._announcer = Announcer(settings.id, self._now)
        self._requests = Requests(settings.id, self._talk, self._now, succeeded=self._succeeded, failed=self._failed)
        beat = self._heartbeat.unit if self._heartbeat is not None else None
        self._demand = Demand(settings, beat, self._alarms)
        self._polling = Polling(
            settings, self._units, beat, present=self._present, requests=self._requests, chance=chance
        )
        self._is_online = False
        self._silent = 0
        self._attempts = 0
        self._lost: asyncio.Future[Trouble] | None = None

    # --- how much is asked of the source ---------------------------------------------------------------------------

    def load(self, tags: Iterable[str]) -> Load:
        """``Paced``: what these tags take, with heartbeat and alarms, which are asked for in any case."""
        return self._demand.of(self._unit_of[tag] for tag in tags if tag in self._unit_of)

    def notes(self) -> list[str]:
        """``Noting``: what the configuration means for the source."""
        readable = [READABLE] if self._settings.login is not None and self._talk.is_readable else []
        return [*self._demand.notes(self._units), *readable]

    @property
    def warnings(self) -> list[str]:
        """``Cautioning``: that values are read late, while they are."""
        is_late = self._is_online and self._polling.was_late
        return self._demand.warnings(self._present.units) if is_late else []

    # --- Driver ----------------------------------------------------------------------------------------------------

    async def run(self, sink: Sink) -> None:
        """Keep the source current until cancelled."""
        self._present.sink = self._announcer.sink = sink
        self._announcer.announce(DOWN, "connecting to the process server")
        attempt = 0
        try:
            while True:
                began = time.monotonic()
                reason = await self._live()
                attempt = 0 if time.monotonic() - began > SETTLED else attempt + 1
                pause = max(PAUSE_MIN, full_jitter(max(attempt - 1, 0), PAUSE_BASE, PAUSE_MAX, self._chance))
                logger.info("Source %s: %s; next attempt in %.1f s.", self.source, reason, pause)
                await asyncio.sleep(pause)
        finally:
            await self._talk.close()
            self._present.sink = self._announcer.sink = None

    def watch(self, tags: Iterable[str]) -> None:
        """Keep these tags current; a request that fetches a new one is due at once."""
        for tag in tags:
            unit = self._unit_of.get(tag)
            if unit is None:
                self._present.tell_no_such(tag)
            elif self._present.watch(unit, tag):
                unit.due = 0.0
        self._polling.wake()

    def prefer(self, tags: Iterable[str], *, preferred: bool) -> None:
        """``Preferring``: what somebody begins to look at is due at once, and goes before what is only recorded."""
        for tag in tags:
            unit = self._unit_of.get(tag)
            if unit is not None and self._present.prefer(unit, tag, preferred=preferred):
                unit.due = 0.0
        self._polling.wake()

    def unwatch(self, tags: Iterable[str]) -> None:
        for tag in tags:
            unit = self._unit_of.get(tag)
            if unit is not None and self._present.unwatch(unit, tag):
                self._polling.lateness.forget(unit)
                unit.trouble, unit.failures = None, 0  # nobody suffers from it
        self._judge()

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        """Fresh readings, one request for each unit. RequestRefused: ``source_down``, ``source_refused``.

        More units than may be asked within ``deadline`` are not asked; their tags wait for data.
        """
        if not self._is_online:
            raise RequestRefused("source_down", f"The source cannot be read: {self._announcer.reason}.")
        units = list(dict.fromkeys(self._unit_of[tag] for tag in tags if tag in self._unit_of))
        most = max(1, int(self._settings.requests_per_second * deadline))
        asked = {unit: self._requests.ask(unit, urgent=True) for unit in units[:most]}
        if asked:
            await asyncio.wait(asked.values(), timeout=deadline)
        refuse_nothing(list(asked.values()), deadline)
        readings: dict[str, Reading] = {}
        for tag in tags:
            unit = self._unit_of.get(tag)
            if unit is None:
                readings[tag] = Reading(None, self._now(), BAD_NODE_ID_UNKNOWN)
            else:
                readings[tag] = outcome(asked.get(unit), tag, self._now())
        return readings

    def describe(self) -> Mapping[str, CatalogTag]:
        """Nothing: JSON has no units, so units, ranges and decimals are what site.toml says."""
        return {}

    def digits(self) -> Mapping[str, int]:
        """``Digits``: a source leaves out zeros at the end, so the most that was seen counts."""
        return {tag: places for unit in self._units for tag, places in unit.digits.items()}

    # --- one life --------------------------------------------------------------------------------------------------

    async def _live(self) -> str:
        """From the first sign of life to the loss of the source; the reason of the loss, which has been announced."""
        tasks: list[asyncio.Task[Any]] = []
        try:
            self._lost = asyncio.get_running_loop().create_future()
            await self._come_up()
            self._is_online = True
            self._judge()
            for unit in self._present.units:
                unit.due, unit.failures = 0.0, 0  # what failed while the source was gone is not put off any longer
            tasks = self._polling.start()
            if self._heartbeat is not None:
                tasks.append(asyncio.create_task(self._watch_heartbeat(self._heartbeat)))
            if self._alarms is not None:
                tasks.append(asyncio.create_task(self._alarms.run(self._talk, self._judge)))
            await asyncio.wait([self._lost, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if self._lost.done():
                reason = self._lost.result().reason
            else:
                await next(task for task in tasks if task.done())  # a fault of ours: below
                reason = "polling ended"
        except asyncio.CancelledError:
            raise
        except Trouble as trouble:
            reason = trouble.reason
        except Exception as error:
            logger.exception("Source %s: polling ended in a way that was not foreseen.", self.source)
            reason = f"an unexpected {type(error).__name__} while polling"
        finally:
            self._is_online = False
            ending = [*tasks, *self._requests.under_way()]
            for task in ending:
                task.cancel()
            if ending:
                await asyncio.wait(ending)
        self._announcer.announce(DOWN, reason)
        self._polling.lateness.clear()
        self._present.mark_stale(self._present.units)
        self._silent = 0
        return reason

    async def _come_up(self) -> None:
        """One good answer, or ``Trouble``; with a heartbeat, one that has changed: a value alone is no sign of life."""
        if self._heartbeat is not None:
            await self._heartbeat.wait(self._requests.ask)
            return
        candidates = list(dict.fromkeys([*self._present.units, *self._units]))
        turn = self._attempts % len(candidates)  # not always the same first: it may be the one that hangs
        self._attempts += 1
        await sign_of_life(self._requests.ask, candidates[turn:] + candidates[:turn])

    async def _watch_heartbeat(self, heartbeat: Heartbeat) -> None:
        self._lose(await heartbeat.silence(self._clock))
        await asyncio.Event().wait()

    # --- how requests end ------------------------------------------------------------------------------------------

    def _succeeded(self, unit: Unit, found: Found) -> None:
        unit.trouble, unit.failures = None, 0
        self._silent = 0
        if self._heartbeat is not None and unit is self._heartbeat.unit:
            self._heartbeat.saw(found.beat())
        if unit in self._present:
            self._polling.lateness.answered(unit, asyncio.get_running_loop().time())
            self._present.tell(unit, found)
        self._judge()

    def _failed(self, unit: Unit, trouble: Trouble) -> None:
        self._polling.lateness.forget(unit)  # its values are told as what they are below
        if isinstance(trouble, NotThere) and unit.is_single:
            unit.trouble, unit.failures = None, unit.failures + 1  # the source is well, this tag is not
            self._silent = 0
            self._present.tell_unknown(unit)
            return
        unit.trouble, unit.failures = trouble, unit.failures + 1
        self._silent = self._silent + 1 if trouble.reach == "wire" else 0
        self._present.mark_stale([unit])
        if trouble.reach == "source":
            self._lose(trouble)
        self._judge()

    # --- what is told ----------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Ok, degraded or lost, from how the active units are doing."""
        if not self._is_online:
            return
        active = self._polling.active()
        failing = [unit.trouble for unit in active if unit.trouble is not None]
        alarms = self._alarms.trouble if self._alarms is not None else None
        if failing and (len(failing) == len(active) or self._silent >= min(SILENT_IN_A_ROW, len(active))):
            self._lose(failing[-1])
        elif failing:
            self._announcer.announce(DEGRADED, f"{len(failing)} of {len(active)} requests fail: {failing[-1].reason}")
        elif alarms is not None:
            self._announcer.announce(DEGRADED, f"alarms cannot be read: {alarms.reason}")
        else:
            self._announcer.announce(OK, "")

    def _lose(self, trouble: Trouble) -> None:
        if self._is_online and self._lost is not None and not self._lost.done():
            self._is_online = False
            self._announcer.announce(DOWN, trouble.reason)
            self._lost.set_result(trouble)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock() * 1000)
