"""``RestDriver``: the supervisor of one HTTP source. Come up, poll what is watched, announce what happens, again."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from relay_bridge.agent.config_rest import RestSource
from relay_bridge.agent.drivers.announcing import Announcer
from relay_bridge.agent.drivers.base import DEGRADED, DOWN, OK, Sink
from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.heartbeat import Heartbeat
from relay_bridge.agent.drivers.rest.history import History
from relay_bridge.agent.drivers.rest.offering import Offering
from relay_bridge.agent.drivers.rest.problems import NotThere, SettingsError, Trouble
from relay_bridge.agent.drivers.rest.reading import outcome, refuse_nothing
from relay_bridge.agent.drivers.rest.schedule import most_overdue, pause_after
from relay_bridge.agent.drivers.rest.units import Found, PlaceValues, RestTag, Unit, _id_values, make_units
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import (
    BAD_NO_COMMUNICATION,
    BAD_NODE_ID_UNKNOWN,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)
from relay_bridge.protocol.backoff import full_jitter

PAUSE_MIN, PAUSE_BASE, PAUSE_MAX = 0.5, 1.0, 4.0  # seconds between two attempts to come up, full jitter
SETTLED: Final = 10.0  # seconds: a life this long starts the back-off anew
ALIVE: Final = 2.0  # seconds between two looks at a source that nobody watches
SILENT_IN_A_ROW: Final = 3  # unanswered requests without an answer between them: nobody is there
CANDIDATES: Final = 5  # requests that are tried for a sign of life,
UNANSWERED: Final = 2  # until so many of them were not answered at all
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
        place_values: PlaceValues = _id_values,
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
        self._watched: dict[Unit, dict[str, None]] = {}
        self._last: dict[str, Reading] = {}  # of watched tags
        self._announcer = Announcer(settings.id, self._now)
        self._sink: Sink | None = None
        self._is_online = False
        self._silent = 0
        self._attempts = 0
        self._wake = asyncio.Event()
        self._lost: asyncio.Future[Trouble] | None = None
        self._requests: set[asyncio.Task[Found]] = set()

    def notes(self) -> list[str]:
        """What the configuration means for the source, in sentences for ``check``."""
        rate = self._settings.requests_per_second
        wanted = sum(1 / unit.group.interval_s for unit in self._units)
        lines = [
            f"at most {rate:g} requests a second over {self._settings.connections} connections; "
            f"all tags watched, {len(self._units)} requests are to be made again and again, {wanted:.1f} a second"
        ]
        if wanted > rate:
            lines.append(f"that is more than allowed: each value is then read {wanted / rate:.1f} times less often")
        return lines

    # --- Driver ----------------------------------------------------------------------------------------------------

    async def run(self, sink: Sink) -> None:
        """Keep the source current until cancelled."""
        self._sink = self._announcer.sink = sink
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
            self._sink = self._announcer.sink = None

    def watch(self, tags: Iterable[str]) -> None:
        """Keep these tags current; a request that fetches a new one is due at once."""
        for tag in tags:
            unit = self._unit_of.get(tag)
            if unit is None:
                if self._sink is not None:
                    self._sink.put(tag, Reading(None, self._now(), BAD_NODE_ID_UNKNOWN))
                continue
            watched = self._watched.setdefault(unit, {})
            if tag not in watched:
                watched[tag] = None
                unit.due = 0.0
        self._wake.set()

    def unwatch(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self._last.pop(tag, None)
            unit = self._unit_of.get(tag)
            watched = self._watched.get(unit) if unit is not None else None
            if unit is not None and watched is not None:
                watched.pop(tag, None)
                if not watched:
                    del self._watched[unit]
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
        asked = {unit: self._ask(unit, urgent=True) for unit in units[:most]}
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
            for unit in self._watched:
                unit.due, unit.failures = 0.0, 0  # what failed while the source was gone is not put off any longer
            tasks = [asyncio.create_task(self._work()) for _ in range(self._settings.connections)]
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
            ending = [*tasks, *self._requests]
            for task in ending:
                task.cancel()
            if ending:
                await asyncio.wait(ending)
        self._announcer.announce(DOWN, reason)
        self._mark_stale(unit for unit in self._watched)
        self._silent = 0
        return reason

    async def _come_up(self) -> None:
        """One good answer, or ``Trouble``; with a heartbeat, one that has changed: a value alone is no sign of life."""
        if self._heartbeat is not None:
            await self._heartbeat.wait(self._ask)
            return
        first: Trouble | None = None
        candidates = list(dict.fromkeys([*self._watched, *self._units]))
        turn = self._attempts % len(candidates)  # not always the same first: it may be the one that hangs
        self._attempts += 1
        unanswered = 0
        for unit in (candidates[turn:] + candidates[:turn])[:CANDIDATES]:
            try:
                await self._ask(unit)
            except NotThere as trouble:
                first = first or trouble
                if unit.is_single:
                    return  # a server that knows one tag less is well
            except Trouble as trouble:
                first = first or trouble
                unanswered += trouble.reach == "wire"
                if trouble.reach == "source" or unanswered >= UNANSWERED:
                    raise
            else:
                return
        if first is not None:
            raise first

    async def _watch_heartbeat(self, heartbeat: Heartbeat) -> None:
        self._lose(await heartbeat.silence(self._clock))
        await asyncio.Event().wait()

    async def _work(self) -> None:
        """Poll whatever is most overdue, in proportion to how often it is wanted."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            unit = most_overdue(self._active(), loop.time(), self._interval)
            if unit is None or unit.due > loop.time():
                rest = unit.due - loop.time() if unit is not None else ALIVE
                try:
                    async with asyncio.timeout(max(rest, 0.001)):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                continue
            unit.is_busy = True
            began = loop.time()
            unit.due = began + self._interval(unit)
            try:
                await asyncio.wait([self._ask(unit)])
            finally:
                unit.is_busy = False
            if unit.failures:
                unit.due = max(unit.due, began + pause_after(unit, self._interval(unit), self._chance()))

    def _active(self) -> list[Unit]:
        """What must be polled: the heartbeat, what is watched, and one unit at least."""
        active = list(self._watched)
        if self._heartbeat is not None and self._heartbeat.unit not in self._watched:
            active.append(self._heartbeat.unit)
        return active or self._units[:1]

    def _interval(self, unit: Unit) -> float:
        is_wanted = unit in self._watched or (self._heartbeat is not None and unit is self._heartbeat.unit)
        return unit.group.interval_s if is_wanted else max(unit.group.interval_s, ALIVE)

    # --- one request -----------------------------------------------------------------------------------------------

    def _ask(self, unit: Unit, *, urgent: bool = False) -> asyncio.Task[Found]:
        """A request that goes out after this call. One that has not gone out yet is shared."""
        if unit.waiting is None:
            task = unit.waiting = asyncio.create_task(self._fetch(unit, urgent))
            self._requests.add(task)
            task.add_done_callback(functools.partial(self._fetched, unit))
        return unit.waiting

    def _fetched(self, unit: Unit, task: asyncio.Task[Found]) -> None:
        self._requests.discard(task)
        if unit.waiting is task:
            unit.waiting = None
        if not task.cancelled():
            task.exception()  # it was told where it happened

    async def _fetch(self, unit: Unit, urgent: bool) -> Found:
        number = 0

        def sending() -> None:
            nonlocal number
            unit.waiting = None  # whoever asks from now on wants a later answer
            unit.sent += 1
            number = unit.sent

        group = unit.group
        body = group.body.encode() if group.body is not None else None
        try:
            document = await self._talk.document(
                group.method, unit.path, body, content_type=group.content_type, urgent=urgent, sending=sending
            )
            found = unit.open(document, self._now())
        except Trouble as trouble:
            self._failed(unit, trouble)
            raise
        except Exception as error:
            # What nobody foresaw must not leave the last values looking live.
            logger.exception("Source %s: an answer was not understood.", self.source)
            fault = Trouble(f"an unexpected {type(error).__name__} while reading an answer")
            self._failed(unit, fault)
            raise fault from error
        if number >= unit.taken:  # an answer that was overtaken by a later one says nothing new
            unit.taken = number
            self._succeeded(unit, found)
        return found

    def _succeeded(self, unit: Unit, found: Found) -> None:
        unit.trouble, unit.failures = None, 0
        self._silent = 0
        if self._heartbeat is not None and unit is self._heartbeat.unit:
            self._heartbeat.saw(found.beat())
        for tag in self._watched.get(unit, ()):
            self._put(tag, found.reading(tag))
        self._judge()

    def _failed(self, unit: Unit, trouble: Trouble) -> None:
        if isinstance(trouble, NotThere) and unit.is_single:
            unit.trouble, unit.failures = None, unit.failures + 1  # the source is well, this tag is not
            self._silent = 0
            for tag in self._watched.get(unit, ()):
                self._put(tag, Reading(None, self._now(), BAD_NODE_ID_UNKNOWN))
            return
        unit.trouble, unit.failures = trouble, unit.failures + 1
        self._silent = self._silent + 1 if trouble.reach == "wire" else 0
        self._mark_stale([unit])
        if trouble.reach == "source":
            self._lose(trouble)
        self._judge()

    # --- what is told ----------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        """Ok, degraded or lost, from how the active units are doing."""
        if not self._is_online:
            return
        active = self._active()
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

    def _mark_stale(self, units: Iterable[Unit]) -> None:
        """What cannot be read any more must not look live: the last value, told as such, or none."""
        for unit in units:
            for tag in self._watched.get(unit, ()):
                last = self._last.get(tag)
                if last is None or last.value is None:
                    self._put(tag, Reading(None, self._now(), BAD_NO_COMMUNICATION))
                elif quality_class(last.quality) != "bad":
                    self._put(tag, Reading(last.value, last.time, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE))

    def _put(self, tag: str, reading: Reading) -> None:
        self._last[tag] = reading
        if self._sink is not None:
            self._sink.put(tag, reading)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._clock() * 1000)
