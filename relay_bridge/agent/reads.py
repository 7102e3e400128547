"""Reading on request: from what is kept current, or from the source itself, within a deadline and a bound."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import (
    BAD_NOT_CONNECTED,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)

READ_DEADLINE = 1.5  # seconds: the web app waits 2 s for the whole way there and back
READS_PER_SOURCE = 8  # at once: a process server has its own work to do
logger = logging.getLogger(__name__)


class Reads:
    """Answers ``read``: cached where a tag is kept current, else from its source."""

    def __init__(
        self, drivers: Mapping[str, Driver], subscriptions: Subscriptions, ceiling: Ceiling, clock: Clock
    ) -> None:
        self._drivers = drivers
        self._subscriptions = subscriptions
        self._ceiling = ceiling
        self._clock = clock
        self._gates = {source: asyncio.Semaphore(READS_PER_SOURCE) for source in drivers}

    async def read(self, tags: Sequence[TagConfig], *, fresh: bool) -> dict[str, Reading]:
        """A reading of every tag. With ``fresh`` a source that cannot be read raises ``RequestRefused``;
        without it, its tags carry their last known value marked as such."""
        readings: dict[str, Reading] = {}
        ask: dict[str, list[str]] = {}
        for tag in tags:
            current = None if fresh or self._subscriptions.is_down(tag.source) else self._subscriptions.current(tag.id)
            if current is not None:
                readings[tag.id] = current
            else:
                ask.setdefault(tag.source, []).append(tag.id)
        if len(ask) == 1:
            ((source, names),) = ask.items()
            readings.update(await self._read_source(source, names, fresh=fresh))
        elif ask:
            # return_exceptions: every read is awaited to its end, then the first refusal is told.
            answers = await asyncio.gather(
                *(self._read_source(source, names, fresh=fresh) for source, names in ask.items()),
                return_exceptions=True,
            )
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
                readings.update(answer)
        return readings

    async def prime(self, tags: Sequence[TagConfig]) -> None:
        """Read tags that are watched and have no value yet, so that a screen need not wait for their next change.

        Drivers tell of a newly watched tag by themselves, but a tag that was let go and taken again in one breath
        may look to them as if nothing had happened.
        """
        waiting = [tag for tag in tags if self._subscriptions.current(tag.id) is None]
        try:
            await self.read(waiting, fresh=False)
        except RequestRefused as refusal:
            logger.debug("tags not primed: %s", refusal)
        except Exception:
            logger.exception("a driver failed while newly watched tags were read")

    async def _read_source(self, source: str, tags: list[str], *, fresh: bool) -> dict[str, Reading]:
        try:
            return await self._ask(source, tags)
        except RequestRefused as refusal:
            if fresh or refusal.code != "source_down":
                raise
            return {tag: self._last_usable(tag) for tag in tags}

    async def _ask(self, source: str, tags: list[str]) -> dict[str, Reading]:
        if self._subscriptions.is_down(source):
            raise RequestRefused("source_down", f"The source {source} is not connected.")
        try:
            # The driver keeps this deadline itself; the outer one holds even if it does not.
            async with asyncio.timeout(READ_DEADLINE + 0.1), self._gates[source]:
                found = await self._drivers[source].read(tags, READ_DEADLINE)
        except TimeoutError:
            raise RequestRefused("source_down", f"The source {source} did not answer in {READ_DEADLINE} s.") from None
        except RequestRefused as refusal:
            message = self._ceiling.scrub(refusal.message)
            raise RequestRefused(refusal.code, message, status=refusal.status) from None
        readings: dict[str, Reading] = {}
        for tag in tags:
            reading = found.get(tag)
            if reading is None:
                readings[tag] = Reading(None, self._clock.wall_ms(), BAD_WAITING_FOR_INITIAL_DATA)
                continue
            readings[tag] = self._subscriptions.arriving(tag, reading)
            known = self._subscriptions.current(tag)
            # "No value yet" is no news to those who wait for one.
            news = reading.quality != BAD_WAITING_FOR_INITIAL_DATA and (known is None or reading.time > known.time)
            if news:
                self._subscriptions.put(tag, reading)
        return readings

    def _last_usable(self, tag: str) -> Reading:
        known = self._subscriptions.last_known(tag)
        if known is None or known.value is None:
            return Reading(None, self._clock.wall_ms(), BAD_NOT_CONNECTED)
        if quality_class(known.quality) == "bad":
            return known
        return Reading(known.value, known.time, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE)
