"""``Recorder``: keeps the recorded tags watched and writes what they were into the ring, gaps included.

It is one more watcher beside the sessions. What it hears waits in memory for the next flush (in 20 s, or when somebody
asks). A source that goes down ends every value there with a gap, and begins anew with what its tags are when it is
back: an unchanged value is not told again. When the file takes nothing, what waits is thrown away at the bound and the
time is a gap as well: a history with a hole says so, it does not draw a line across it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.base import DOWN
from relay_bridge.agent.history.buckets import Columns, Plan
from relay_bridge.agent.history.ring_store import RingFailed, RingStore, Sample, Stretch
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION, Reading

# Seconds between two writes. A tag lies in a page of its own, so each write costs a page (4 KiB) for every tag that
# changed: at 2 000 tags a second a flush every 2 s writes 250 GB a day, one every 20 s 30 GB (docs/benchmarks.md).
# Whoever asks for a history has it written first; a crash costs what was not written yet, and that time is a gap.
FLUSH = 20.0
AGE = 60.0  # seconds between two looks at age and size
REOPEN = 60.0  # seconds between attempts to use a file that failed
WAITING = 200_000  # samples in memory at most: 100 s of 2 000 changing items a second
NEAR = 60_000  # ms: a source's time that is further off than this is not believed, the agent's is taken
T = TypeVar("T")
logger = logging.getLogger(__name__)


class Recorder:
    """Records ``tags``. ``run`` until cancelled; ``read`` any time. ``hours``: how long samples are kept."""

    is_patient = True  # whoever looks goes first

    def __init__(
        self, tags: Sequence[TagConfig], subscriptions: Subscriptions, store: RingStore, clock: Clock, *, hours: float
    ) -> None:
        self._tags = {tag.id: tag for tag in tags}
        self._subscriptions = subscriptions
        self._store = store
        self._clock = clock
        self._keep = int(hours * 3_600_000)
        self._names: dict[int, str] = {}
        self._last: dict[str, int] = {}  # time of each tag's newest sample, ms
        self._waiting: deque[Sample] = deque()
        self._down: Mapping[str, bool] = {}
        self._usable = False
        self._failed = False  # the file, since it last took something; not before it was tried
        self._reopen_at = 0.0
        # One thread, because an SQLite connection has one user; the loop must not wait for a disk.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")

    @property
    def state(self) -> str:
        """Empty while all is well, else what is the matter in words."""
        return "the local history cannot be stored" if self._failed else ""

    @property
    def watched(self) -> Collection[str]:
        """Tags that are watched for as long as the agent runs."""
        return self._tags.keys()

    def records(self, tag: str) -> bool:
        return tag in self._tags

    async def run(self) -> None:
        """Watch, flush, age. A file that fails is a state; this ends only when cancelled."""
        if not self._tags:
            await asyncio.Event().wait()
        await self._open()
        self._down = self._sources_down()
        self._subscriptions.join(self)
        known = self._subscriptions.handle_readings(self._tags.values())
        self._names = {handle: tag for tag, (handle, _) in zip(self._tags, known, strict=True)}
        self._subscriptions.watch(self, self._tags.values())
        age_at = self._clock.monotonic()
        try:
            while True:
                await asyncio.sleep(FLUSH)
                await self.flush()
                if self._usable and self._clock.monotonic() >= age_at:
                    age_at = self._clock.monotonic() + AGE
                    await self._do(self._store.age, self._oldest())
        finally:
            self._subscriptions.leave(self)
            await self._finish()

    async def read(self, tag: str, start: int, end: int, most: int) -> Stretch:
        """What the ring has, with what still waits in memory. ``RingFailed``."""
        if self._waiting:
            await self.flush()
        return await self._in_thread(lambda: self._store.read(tag, start, end, most))

    async def buckets(self, tag: str, plan: Plan, until: int) -> Columns:
        """What the ring has, in buckets; ``until`` as in ``fill_buckets``. ``RingFailed``."""
        if self._waiting:
            await self.flush()
        return await self._in_thread(lambda: self._store.buckets(tag, plan, until))

    # --- as a watcher of the subscriptions ---------------------------------------------------------------------

    def put(self, handle: int, reading: Reading) -> None:
        """A reading of a recorded tag."""
        now = self._clock.wall_ms()
        believed = reading.time if abs(now - reading.time) < NEAR else now
        self._add(self._names[handle], min(believed, now), reading)

    def source_changed(self) -> None:
        """Ends the values of a source that went down; takes up those of one that is back."""
        before, self._down = self._down, self._sources_down()
        now = self._clock.wall_ms()
        for tag in self._tags.values():
            down = self._down[tag.source]
            if down == before.get(tag.source, True):
                continue
            current = None if down else self._subscriptions.current(tag.id)
            if current is not None or down:
                self._add(tag.id, now, current or Reading(None, now, BAD_NO_COMMUNICATION))

    # --- the file --------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Write what waits; thrown away when the file takes nothing."""
        if not self._usable:
            if not await self._open():
                self._throw_away()
                return
            self._begin_anew()
        batch = list(self._waiting)
        self._waiting.clear()
        if not await self._do(self._store.append, batch, self._clock.wall_ms()):
            self._lose(len(batch))

    def _add(self, tag: str, at: int, reading: Reading) -> None:
        """Time goes forward within a tag, or a later value would hide behind an older one; but when this machine's
        clock was put back, what it said before does not hold up what it says now."""
        last = self._last.get(tag, 0)
        if last <= self._clock.wall_ms() + NEAR:
            at = max(at, last + 1)
        self._last[tag] = at
        if len(self._waiting) >= WAITING:
            self._throw_away()
        self._waiting.append(Sample(tag, at, reading.value, reading.quality))

    def _throw_away(self) -> None:
        lost = len(self._waiting)
        self._waiting.clear()
        self._lose(lost)

    def _lose(self, samples: int) -> None:
        """Opening the file anew puts a gap behind the last flush that worked."""
        self._usable, self._failed = False, True
        if samples:
            logger.warning("local history: %d samples are lost; the time they are from is a gap.", samples)

    def _begin_anew(self) -> None:
        """After a gap: what the tags are now, for those that have not just told it themselves."""
        now = self._clock.wall_ms()
        told = {sample.tag for sample in self._waiting}
        for tag in self._tags.values():
            current = (
                None if tag.id in told or self._down.get(tag.source, True) else self._subscriptions.current(tag.id)
            )
            if current is not None:
                self._add(tag.id, now, current)

    async def _open(self) -> bool:
        """Open the file, and make room in it: one that was full stays full otherwise."""
        if self._clock.monotonic() < self._reopen_at:
            return False
        self._reopen_at = self._clock.monotonic() + REOPEN
        opened = await self._do(self._store.open) and await self._do(self._store.age, self._oldest())
        self._usable, self._failed = opened, not opened
        return opened

    def _oldest(self) -> int:
        return self._clock.wall_ms() - self._keep

    async def _do(self, call: Callable[..., None], *arguments: object) -> bool:
        try:
            await self._in_thread(lambda: call(*arguments))
        except RingFailed as failed:
            logger.warning("local history: %s. Trying again in %.0f s.", failed, REOPEN)
            self._usable, self._failed = False, True
            self._reopen_at = self._clock.monotonic() + REOPEN
            return False
        return True

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _finish(self) -> None:
        """The last flush, as far as the agent's end leaves time for it; a cancelled one ends as a gap at next start."""
        with contextlib.suppress(asyncio.CancelledError, RingFailed):
            if self._usable:
                await self.flush()
            await self._in_thread(self._store.close)
        self._thread.shutdown(wait=False)

    def _sources_down(self) -> dict[str, bool]:
        return {source: state.code == DOWN for source, state in self._subscriptions.states().items()}
