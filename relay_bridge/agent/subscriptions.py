"""What is watched: counted over all sessions, current in one place, and passed on to whoever watches it.

However many sessions watch a tag, its driver watches it once. A reading goes to a session's stream at once and
waits there, newest over older, until that stream may send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from relay_bridge.agent.catalog import Catalog
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.base import DOWN, OK, Driver, Preferring
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.codec import normalise
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import BAD_WAITING_FOR_INITIAL_DATA, Reading


class Watcher(Protocol):
    """A session's live stream, as seen from here. One whose ``is_patient`` is true only records: where a source cannot
    be asked for everything as often as wanted, the others go before it."""

    def put(self, handle: int, reading: Reading) -> None:
        """The newest reading of a watched tag."""

    def source_changed(self) -> None:
        """A source changed its state: say so before anything else."""


class Subscriptions:
    """The ``Sink`` of every driver and the place every stream reads from."""

    def __init__(
        self,
        tags: Iterable[TagConfig],
        drivers: Mapping[str, Driver],
        catalog: Catalog,
        ceiling: Ceiling,
        clock: Clock,
    ) -> None:
        self._tags = {tag.id: tag for tag in tags}
        # One handle a tag for the whole life of the agent; handles mean nothing in another epoch.
        self._handles = {tag: number for number, tag in enumerate(self._tags, 1)}
        self._drivers = drivers
        self._catalog = catalog
        self._ceiling = ceiling
        self._clock = clock
        self._latest: dict[str, Reading] = {}
        self._current: set[str] = set()  # watched, and heard of since
        self._passed_on: dict[str, Reading] = {}  # what the deadband measures from
        self._watchers: dict[str, set[Watcher]] = {}
        self._listeners: set[Watcher] = set()
        since = clock.wall_ms()
        self._states = {source: SourceState(DOWN, since, "not connected yet") for source in drivers}
        self._mark: Callable[[str, Reading], Reading] | None = None

    # --- sessions ---------------------------------------------------------------------------------------------

    def mark_with(self, mark: Callable[[str, Reading], Reading]) -> None:
        """Every reading that arrives from now on passes through ``mark``, which may make its quality worse."""
        self._mark = mark

    def join(self, watcher: Watcher) -> None:
        """From now on ``watcher`` hears of source states."""
        self._listeners.add(watcher)

    def leave(self, watcher: Watcher) -> None:
        """The session is over: it watches nothing and hears nothing."""
        self._listeners.discard(watcher)
        self.unwatch(watcher, [tag for tag, watchers in self._watchers.items() if watcher in watchers])

    def watch(self, watcher: Watcher, tags: Iterable[TagConfig]) -> dict[str, int]:
        """Watch ``tags`` for ``watcher``; the handle of each. The driver is asked once per tag."""
        handles: dict[str, int] = {}
        begin: dict[str, list[str]] = {}
        hurry: dict[str, list[str]] = {}
        for tag in tags:
            watchers = self._watchers.setdefault(tag.id, set())
            if not watchers:
                begin.setdefault(tag.source, []).append(tag.id)
            if not _is_patient(watcher) and all(map(_is_patient, watchers)):
                hurry.setdefault(tag.source, []).append(tag.id)
            watchers.add(watcher)
            handles[tag.id] = self._handles[tag.id]
        for source, names in begin.items():
            self._drivers[source].watch(names)
        self._prefer(hurry, preferred=True)
        return handles

    def unwatch(self, watcher: Watcher, tags: Iterable[str]) -> list[int]:
        """Stop watching; the handles that ended for this watcher."""
        ended: list[int] = []
        end: dict[str, list[str]] = {}
        calm: dict[str, list[str]] = {}
        for name in tags:
            watchers = self._watchers.get(name)
            if watchers is None or watcher not in watchers:
                continue
            watchers.discard(watcher)
            ended.append(self._handles[name])
            if not watchers:
                del self._watchers[name]
                # What nobody keeps current is history, however good it was.
                self._current.discard(name)
                self._passed_on.pop(name, None)
                end.setdefault(self._tags[name].source, []).append(name)
            elif not _is_patient(watcher) and all(map(_is_patient, watchers)):
                calm.setdefault(self._tags[name].source, []).append(name)
        for source, names in end.items():
            self._drivers[source].unwatch(names)
        self._prefer(calm, preferred=False)
        return ended

    def _prefer(self, names: Mapping[str, Sequence[str]], *, preferred: bool) -> None:
        for source, tags in names.items():
            driver = self._drivers[source]
            if isinstance(driver, Preferring):
                driver.prefer(tags, preferred=preferred)

    def watched(self) -> int:
        """How many tags somebody watches."""
        return len(self._watchers)

    def handle_readings(self, tags: Iterable[TagConfig]) -> list[tuple[int, Reading]]:
        """What a stream starts with: the current reading of each tag, or that there is none yet."""
        return [(self._handles[tag.id], self.current(tag.id) or self._waiting()) for tag in tags]

    def current(self, tag: str) -> Reading | None:
        """The reading of a tag that is being kept current, or ``None``."""
        return self._latest.get(tag) if tag in self._current else None

    def last_known(self, tag: str) -> Reading | None:
        """The last reading there ever was, current or not."""
        return self._latest.get(tag)

    def states(self) -> dict[str, SourceState]:
        return dict(self._states)

    def is_down(self, source: str) -> bool:
        return self._states[source].code == DOWN

    # --- drivers (the Sink) -------------------------------------------------------------------------------------

    def put(self, tag: str, reading: Reading) -> None:
        """The newest reading of a tag; ignored for tags that are not configured."""
        config = self._tags.get(tag)
        if config is None:
            return
        reading = self.arriving(tag, reading)
        self._latest[tag] = reading
        watchers = self._watchers.get(tag)
        if not watchers:
            return
        self._current.add(tag)
        if _within_deadband(config.deadband, self._passed_on.get(tag), reading):
            return
        self._passed_on[tag] = reading
        handle = self._handles[tag]
        for watcher in watchers:
            watcher.put(handle, reading)

    def source_state(self, source: str, state: SourceState) -> None:
        """A source changed its state: every stream is told at once. Values stay as they are; the state tells."""
        if source not in self._states:
            return
        state = SourceState(state.code, state.since or self._clock.wall_ms(), self._ceiling.scrub(state.reason))
        if state == self._states[source]:
            return
        self._states[source] = state
        if state.code == OK:
            self._catalog.changed()
        for listener in self._listeners:
            listener.source_changed()

    def places(self, tag: str) -> int | None:
        """Decimals of this tag's numbers; ``None`` for what is no number and while they are not known."""
        return self._catalog.decimals(tag)

    def arriving(self, tag: str, reading: Reading) -> Reading:
        """A reading of now: ready to travel, and marked with what its gauge says of itself (gauges.py)."""
        reading = self.travelling(tag, reading)
        return reading if self._mark is None else self._mark(tag, reading)

    def travelling(self, tag: str, reading: Reading) -> Reading:
        """A source's reading as it may cross the wire: rounded, bounded, never NaN."""
        value, quality = normalise(reading.value, self._catalog.decimals(tag))
        return Reading(value, reading.time, reading.quality if quality is None else quality)

    def _waiting(self) -> Reading:
        return Reading(None, self._clock.wall_ms(), BAD_WAITING_FOR_INITIAL_DATA)


def _is_patient(watcher: Watcher) -> bool:
    return getattr(watcher, "is_patient", False)


def _within_deadband(deadband: float, before: Reading | None, after: Reading) -> bool:
    """True when a number moved less than its deadband and its quality is the same."""
    if deadband <= 0 or before is None or before.quality != after.quality:
        return False
    old, new = before.value, after.value
    numbers = (int, float)
    if isinstance(old, bool) or isinstance(new, bool) or not isinstance(old, numbers) or not isinstance(new, numbers):
        return old == new
    return abs(new - old) < deadband
