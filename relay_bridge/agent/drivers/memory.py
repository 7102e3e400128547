"""A source whose values are set in the configuration or by code: for tests, measurements and trying things out.

It keeps every rule of a driver (states, watching, reading), so what works with it works with a plant.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from relay_bridge.agent.drivers.abilities import OutcomeUnknown, WriteFacts
from relay_bridge.agent.drivers.base import DOWN, OK, Sink
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import BAD_WAITING_FOR_INITIAL_DATA, GOOD, Reading, Value

_STEPS = 20  # a synthetic value rises and falls again in this many changes
_STEP = 0.01  # of the value, each change


def _wall_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class ActingBehaviour:
    """How a source takes writes and calls: seconds before and after the effect, and what goes wrong on the way.

    ``refuse``: the StatusCode with which nothing is done. ``effect`` False: it says yes and does nothing.
    """

    before: float = 0.0
    after: float = 0.0
    refuse: int | None = None
    effect: bool = True
    lose_answer: bool = False


class MemoryDriver:
    """``set`` a value, and every watcher has it. With ``change_ms`` numbers move by themselves, each that often."""

    capabilities = frozenset({"read", "subscribe", "write", "methods"})

    def __init__(
        self,
        source: str,
        tags: Iterable[str],
        values: Mapping[str, Value] | None = None,
        *,
        change_ms: int = 0,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self.source = source
        self._wall_ms = wall_ms
        self._change_ms = change_ms
        self._tags = frozenset(tags)
        self._readings = {tag: Reading(value, wall_ms()) for tag, value in (values or {}).items()}
        self._watched: set[str] = set()
        self._sink: Sink | None = None
        self._state = SourceState(OK, wall_ms(), "")
        self.behaviour = ActingBehaviour()
        self.facts: dict[str, WriteFacts] = {}
        self.effects: list[tuple[str, Value]] = []  # every write and call that had its effect, oldest first

    # --- what tests and benchmarks do ---------------------------------------------------------------------------

    def set(self, tag: str, value: Value, quality: int = GOOD, time_ms: int | None = None) -> None:
        """The tag has this reading from now on; ``time_ms`` (epoch ms) is now when left out."""
        if tag not in self._tags:
            raise KeyError(tag)
        self._readings[tag] = Reading(value, self._wall_ms() if time_ms is None else time_ms, quality)
        self._tell(tag)

    def set_state(self, code: Literal[0, 1, 2], reason: str = "") -> None:
        """Be ok, degraded or down, as a plant's server would be."""
        self._state = SourceState(code, self._wall_ms(), reason)
        if self._sink is not None:
            self._sink.source_state(self.source, self._state)

    # --- Driver -------------------------------------------------------------------------------------------------

    async def run(self, sink: Sink) -> None:
        self._sink = sink
        sink.source_state(self.source, self._state)
        for tag in self._watched:
            self._tell(tag)
        try:
            if self._change_ms:
                await self._move()
            await asyncio.Event().wait()
        finally:
            self._sink = None

    def watch(self, tags: Iterable[str]) -> None:
        new = self._tags.intersection(tags) - self._watched
        self._watched |= new
        for tag in new:
            self._tell(tag)

    def unwatch(self, tags: Iterable[str]) -> None:
        self._watched.difference_update(tags)

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        if self._state.code == DOWN:
            raise RequestRefused("source_down", f"The source {self.source} is down.")
        waiting = Reading(None, self._wall_ms(), BAD_WAITING_FOR_INITIAL_DATA)
        return {tag: self._readings.get(tag, waiting) for tag in tags}

    # --- ActingDriver -------------------------------------------------------------------------------------------

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        await self._act(deadline, tag, value, lambda: self.set(tag, value))

    async def call(self, node: str, method: str, arguments: Sequence[Any], deadline: float) -> None:
        """``method`` names a tag and what it reads afterwards, as in ``P-101.run=true``; anything else does nothing."""
        tag, equals, text = method.partition("=")
        known = equals and tag in self._tags
        value = {"true": True, "false": False}.get(text, text)
        await self._act(deadline, method, None, (lambda: self.set(tag, value)) if known else None)

    async def write_facts(self, tag: str, deadline: float) -> WriteFacts:
        return self.facts.get(tag, WriteFacts(None, None, None, None))

    async def _act(self, deadline: float, name: str, value: Value, effect: Callable[[], None] | None) -> None:
        """Behave as told: refuse, answer late or never, with the effect or without it."""
        told = self.behaviour
        if self._state.code == DOWN:
            raise RequestRefused("source_down", f"The source {self.source} is down.")
        if told.refuse is not None:
            raise RequestRefused("source_refused", "The source did not take it.", status=told.refuse)
        try:
            async with asyncio.timeout(deadline):
                await asyncio.sleep(told.before)
                if told.effect:
                    self.effects.append((name, value))
                    if effect is not None:
                        effect()
                await asyncio.sleep(told.after)
        except TimeoutError:
            raise OutcomeUnknown(f"no answer in {deadline} s") from None
        if told.lose_answer:
            raise OutcomeUnknown("the answer was lost")

    def describe(self) -> Mapping[str, CatalogTag]:
        return {}

    def _tell(self, tag: str) -> None:
        reading = self._readings.get(tag)
        if self._sink is not None and reading is not None and tag in self._watched:
            self._sink.put(tag, reading)

    async def _move(self) -> None:
        base = {
            tag: reading.value
            for tag, reading in self._readings.items()
            if isinstance(reading.value, int | float) and not isinstance(reading.value, bool)
        }
        for step in itertools.count(1):
            await asyncio.sleep(self._change_ms / 1000)
            up = _STEPS / 2 - abs(step % _STEPS - _STEPS / 2)
            for tag, value in base.items():
                self.set(tag, value + (abs(value) or 1.0) * _STEP * up)
