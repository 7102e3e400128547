"""``LimitAlarms``: alarms for sources that make none, from configured limits, with their own lasting acknowledgement.

They stand in the same list as the others and are labelled as the agent's. What was acknowledged, and by whom, survives
a restart. The values come as they come to everybody: a deadband of a tag also holds back what its limits hear of.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from relay_bridge.agent.alarms.limit_rules import LimitRule
from relay_bridge.agent.alarms.limit_state import (
    LimitState,
    acknowledged,
    after_value,
    event_of,
    marked,
    shelved,
    trust_in,
)
from relay_bridge.agent.alarms.store import AlarmStore, StoreFailed
from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef
from relay_bridge.agent.subscriptions import Watcher
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Reading

TABLES = ("CREATE TABLE IF NOT EXISTS limit_alarms (name TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID",)
LOOK = 1.0  # seconds at most between two looks at delays and shelving that ran out
logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LimitState)


class Values(Protocol):
    """The site's subscriptions, as far as they are needed here."""

    def join(self, watcher: Watcher) -> None: ...
    def watch(self, watcher: Watcher, tags: Iterable[TagConfig]) -> dict[str, int]: ...
    def current(self, tag: str) -> Reading | None: ...
    def is_down(self, source: str) -> bool: ...


class LimitAlarms:
    """All limit alarms of a site; a ``Watcher`` of their tags. ``unit_of``: the unit of a tag as it is shown."""

    able = frozenset({"ack", "shelve"})

    def __init__(
        self,
        rules: Sequence[LimitRule],
        *,
        table: AlarmTable,
        store: AlarmStore,
        values: Values,
        clock: Clock,
        unit_of: Callable[[TagConfig], str],
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._by_ref = {rule.ref: rule for rule in rules}
        self._of_tag: dict[str, list[LimitRule]] = {}
        for rule in rules:
            self._of_tag.setdefault(rule.tag.id, []).append(rule)
        self._tags = {rule.tag.id: rule.tag for rule in rules}
        self._table = table
        self._store = store
        self._values = values
        self._clock = clock
        self._unit_of = unit_of
        self._states: dict[str, LimitState] = {}
        self._by_handle: dict[int, str] = {}
        self._readings: dict[str, Reading] = {}
        self._beyond: dict[str, float] = {}  # since when (monotonic s) a value waits for its delay
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def watched(self) -> Collection[str]:
        """Tags that are watched for as long as the agent runs."""
        return self._tags.keys()

    def open(self) -> None:
        """Take up what the last run knew, then watch. What stands is shown at once and marked until a value comes."""
        try:
            kept = self._store.read_now(_read)
        except StoreFailed:
            kept = []
        for name, data in kept:
            rule = self._rules.get(name)
            if rule is None:
                self._dirty.add(name)  # no longer configured: it goes
                continue
            try:
                state = marked(_decoder.decode(data), "none")
            except msgspec.MsgspecError:
                logger.error("The kept state of the limit alarm %s cannot be read; it begins anew.", name)  # noqa: TRY400
                continue
            self._states[name] = state
            if state.stands:
                self._table.put(event_of(rule, state), agent=True, quiet=True)
        handles = self._values.watch(self, self._tags.values())
        self._by_handle = {handle: tag for tag, handle in handles.items()}
        self._values.join(self)

    # --- Watcher --------------------------------------------------------------------------------------------------

    def put(self, handle: int, reading: Reading) -> None:
        tag = self._by_handle.get(handle)
        if tag is not None:
            self._readings[tag] = reading
            self._judge(tag)

    def source_changed(self) -> None:
        for tag in self._of_tag:
            current = self._values.current(tag)
            if current is not None:
                self._readings[tag] = current
            self._judge(tag)

    # --- what people do ----------------------------------------------------------------------------------------------

    def owns(self, ref: AlarmRef) -> bool:
        return ref in self._by_ref

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        """Acknowledge exactly this occurrence; it is on the disk before it shows. ``AckRefused``."""
        rule, state = self._seen(ref, event)
        if state.acknowledged:
            raise AckRefused("already", "It is acknowledged already.")
        await self._decide(rule, state, acknowledged(state, comment, self._clock.wall_ms()), deadline)

    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        raise RequestRefused("unsupported", "Limit alarms of the agent need no confirming.")

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        """Out of the way for that long; it comes back by itself. 0 brings it back now."""
        rule, state = self._seen(ref, None)
        now = self._clock.wall_ms()
        until = now + milliseconds if milliseconds else 0
        await self._decide(rule, state, shelved(state, until, now), deadline)

    def _seen(self, ref: AlarmRef, event: bytes | None) -> tuple[LimitRule, LimitState]:
        rule = self._by_ref.get(ref)
        state = self._states.get(rule.name) if rule is not None else None
        if rule is None or state is None or not state.stands:
            raise AckRefused("gone", "The alarm has left the list.")
        if event is not None and event.hex() != state.event:
            raise AckRefused("stale", "The alarm has changed since.")
        return rule, state

    async def _decide(self, rule: LimitRule, before: LimitState, after: LimitState, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline):
                await self._keep({rule.name: after}, sync=True)
        except (StoreFailed, TimeoutError):
            self._dirty.add(rule.name)
            raise RequestRefused("busy", "The site cannot keep this at present; nothing was changed.") from None
        now = self._states[rule.name]
        if now.event != before.event:  # the mark on it is no change: doubt about a value comes and goes
            self._dirty.add(rule.name)  # it changed meanwhile: that state is kept, not this one
            self._wake.set()
            raise AckRefused("stale", "The alarm has changed since.")
        self._set(rule, marked(after, now.trust), kept=True)

    # --- time and disk --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow delays and shelving, and keep what changed, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self.tick()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._keep_dirty()

    def tick(self) -> float:
        """Look at everything that only time changes; seconds until the next look."""
        wall, now = self._clock.wall_ms(), self._clock.monotonic()
        for name, state in list(self._states.items()):
            if 0 < state.shelved_until <= wall:
                self._set(self._rules[name], shelved(state, 0, wall))
        wait = LOOK
        for name, since in list(self._beyond.items()):
            left = since + self._rules[name].delay - now
            if left <= 0:
                self._judge(self._rules[name].tag.id)
            else:
                wait = min(wait, left)
        return max(wait, 0.001)

    def close(self) -> None:
        """Keep what changed, before the store is closed."""
        if self._dirty:
            changed = {name: self._states.get(name) for name in self._dirty}
            try:
                self._store.write_now(lambda connection: _write(connection, changed))
            except StoreFailed as error:
                logger.error("Limit alarms were not kept: %s.", error)  # noqa: TRY400 - told in words

    async def _keep_dirty(self) -> None:
        if not self._dirty:
            return
        names, self._dirty = self._dirty, set()
        try:
            await self._keep({name: self._states.get(name) for name in names}, sync=False)
        except (StoreFailed, asyncio.CancelledError) as error:
            self._dirty |= names
            if isinstance(error, asyncio.CancelledError):
                raise
            await asyncio.sleep(LOOK)

    async def _keep(self, states: dict[str, LimitState | None], *, sync: bool) -> None:
        await self._store.write(lambda connection: _write(connection, states), sync=sync)

    # --- deciding -------------------------------------------------------------------------------------------------

    def _judge(self, tag: str) -> None:
        reading = self._readings.get(tag)
        trust = trust_in(reading, source_is_down=self._values.is_down(self._tags[tag].source))
        for rule in self._of_tag[tag]:
            state = self._states.get(rule.name, LimitState())
            if reading is None or trust == "none":
                self._beyond.pop(rule.name, None)  # a delay is only over when the value was seen beyond all along
                after = marked(state, "none")
            else:
                value = float(reading.value)  # type: ignore[arg-type]
                if not state.active and not self._waited(rule, value):
                    after = marked(state, trust)
                else:
                    unit, now = self._unit_of(rule.tag), self._clock.wall_ms()
                    after = after_value(rule, state, value, trust, unit=unit, now=now)
            if after != state:
                self._set(rule, after)

    def _waited(self, rule: LimitRule, value: float) -> bool:
        """True when the value has been beyond its limit for the rule's delay."""
        if not rule.is_beyond(value):
            self._beyond.pop(rule.name, None)
            return False
        now = self._clock.monotonic()
        if now - self._beyond.setdefault(rule.name, now) >= rule.delay:
            del self._beyond[rule.name]
            return True
        self._wake.set()
        return False

    def _set(self, rule: LimitRule, state: LimitState, *, kept: bool = False) -> None:
        before = self._states.get(rule.name, LimitState())
        self._states[rule.name] = state
        if before.stands or state.stands:
            self._table.put(event_of(rule, state), agent=True)
        # The mark is not kept: after a restart nothing is known of any value.
        if not kept and marked(before, state.trust) != state:
            self._dirty.add(rule.name)
            self._wake.set()


def _read(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    return connection.execute("SELECT name, state FROM limit_alarms").fetchall()


def _write(connection: sqlite3.Connection, states: dict[str, LimitState | None]) -> None:
    for name, state in states.items():
        if state is None or not state.stands:
            connection.execute("DELETE FROM limit_alarms WHERE name = ?", (name,))
        else:
            connection.execute("INSERT OR REPLACE INTO limit_alarms VALUES (?, ?)", (name, _encoder.encode(state)))
