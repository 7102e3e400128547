"""Rules 6 and 7: a fresh look, one attempt, a look at what became of it, and an answer that is true at every point.

Nothing that breaks here is an error answer: whoever hears "error" believes that nothing was done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from relay_bridge.agent.acting.fresh import Fresh
from relay_bridge.agent.acting.openings import NOT_YET, Openings
from relay_bridge.agent.acting.rules import check_step, check_time, reads_as, tolerance_of
from relay_bridge.agent.acting.wish import Wish
from relay_bridge.agent.acting_config import CommandEntry, Entry, WriteEntry
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import ActingDriver, OutcomeUnknown
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.mode_switch import Switch
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.acting import ActAnswer, ActValue, Outcome
from relay_bridge.contract.errors import ErrorCode, RequestRefused
from relay_bridge.contract.readings import Reading, quality_words

WRITE_DEADLINE = 5.0  # seconds for the source to answer
SETTLE_STEP = 0.25  # seconds between two looks at what became of it
BROKE = "The source's driver broke. Look at the value."
STOPPED = "The agent was stopped before the source answered. Look at the value."
logger = logging.getLogger(__name__)


@dataclass
class Progress:
    """How far an action came: what is true of it if it ends right here. ``aid``: its event in the journal."""

    aid: str
    tag: str
    state: Literal["not touched", "touched", "taken"] = "not touched"
    before: Reading | None = None


class Attempts:
    """Makes one attempt of a wish whose key is on the disk. ``closing``: the agent is being stopped."""

    def __init__(
        self,
        fresh: Fresh,
        openings: Openings,
        *,
        drivers: Mapping[str, Driver],
        tags: Mapping[str, TagConfig],
        subscriptions: Subscriptions,
        ceiling: Ceiling,
        decimals: Callable[[str], int | None],
        switch: Switch,
        clock: Clock,
    ) -> None:
        self._fresh = fresh
        self._openings = openings
        self._drivers = drivers
        self._tags = tags
        self._subscriptions = subscriptions
        self._ceiling = ceiling
        self._decimals = decimals
        self._switch = switch
        self._clock = clock
        self.closing = False

    async def make(self, wish: Wish, entry: Entry, progress: Progress) -> ActAnswer:
        """What became of it. Raises only when cancelled; then ``progress`` and ``cut_off`` say how far it came."""
        try:
            return await self._make(wish, entry, progress)
        except Exception:
            logger.exception("an action on %s broke", entry.tag.id)
            return self._plain(wish, progress, BROKE)

    def cut_off(self, wish: Wish, progress: Progress) -> ActAnswer:
        """The agent was stopped in the middle."""
        return self._plain(wish, progress, STOPPED, "busy", "The agent was stopped before anything was sent.")

    def refused(self, wish: Wish, progress: Progress, refusal: RequestRefused) -> ActAnswer:
        """Nothing was changed, because of ``refusal``."""
        return self._answer(wish, progress, "refused", refusal=refusal)

    # --- 6 and 7 ------------------------------------------------------------------------------------------------------

    async def _make(self, wish: Wish, entry: Entry, progress: Progress) -> ActAnswer:
        try:
            await self._look(wish, entry, progress)
            self._still_allowed(wish, entry)
            progress.state = "touched"
            async with asyncio.timeout(WRITE_DEADLINE + 0.1):
                await self._touch(wish, entry)
            progress.state = "taken"
        except RequestRefused as refusal:
            return self.refused(wish, progress, refusal)
        except (OutcomeUnknown, TimeoutError):
            if progress.state == "not touched":  # a driver that says so of a reading, a disk that does not answer
                return self._plain(wish, progress, BROKE)
            words = f"The source did not answer within {WRITE_DEADLINE:.0f} s. Look at the value."
            return await self._unknown(wish, entry, progress, words)
        except Exception:
            logger.exception("the driver of source %s broke while it was asked to act", entry.tag.source)
            if progress.state == "not touched":
                return self._plain(wish, progress, BROKE)
            return await self._unknown(wish, entry, progress, BROKE)
        return await self._read_back(wish, entry, progress)

    async def _look(self, wish: Wish, entry: Entry, progress: Progress) -> None:
        """Rule 6. Everything must be good: nobody acts on what may be old."""
        tags = [entry.tag, *(self._tags[condition.tag] for condition in entry.interlock)]
        found = await self._fresh.read(tags)
        progress.before = found[entry.tag.id]
        for tag in tags:
            reading = found[tag.id]
            if reading.quality_class != "good" or reading.value is None:
                words = quality_words(reading.quality) or "no value"
                code: ErrorCode = "expected" if tag is entry.tag else "interlock"
                raise RequestRefused(code, f"{tag.id} is not good at the source ({words}).", status=reading.quality)
        actual = progress.before.value
        if not reads_as(actual, wish.expected, self._tolerance(entry, wish.expected)):
            raise RequestRefused("expected", f"{entry.tag.id} is not what was seen any more.")
        if isinstance(entry, WriteEntry):
            check_step(entry, wish.value, actual)
        for condition in entry.interlock:
            if not reads_as(found[condition.tag].value, condition.equals, 0.0):
                raise RequestRefused("interlock", f"{condition.tag} does not allow this now.")

    def _still_allowed(self, wish: Wish, entry: Entry) -> None:
        """Disks and sources take their time, and the switch may have been turned meanwhile."""
        if self.closing:
            raise RequestRefused("busy", "The agent was stopped before anything was sent.")
        if self._switch.look().mode != "full":
            raise RequestRefused("read_only", "The site was closed for changes at the plant.")
        if reason := self._openings.closed(entry):
            code: ErrorCode = "source_down" if reason == NOT_YET else "read_only"
            raise RequestRefused(code, f"This is closed at the site: {reason}")
        check_time(entry, wish, self._clock.wall_ms())

    async def _touch(self, wish: Wish, entry: Entry) -> None:
        """Rule 7: once."""
        driver = cast(ActingDriver, self._drivers[entry.tag.source])
        try:
            if isinstance(entry, WriteEntry):
                await driver.write(entry.tag.id, _exact(entry, wish.value), WRITE_DEADLINE)
            elif isinstance(entry, CommandEntry):
                await driver.call(entry.node, entry.method, entry.arguments, WRITE_DEADLINE)
        except RequestRefused as refusal:
            raise RequestRefused(refusal.code, self._ceiling.scrub(refusal.message), status=refusal.status) from None

    async def _read_back(self, wish: Wish, entry: Entry, progress: Progress) -> ActAnswer:
        loop = asyncio.get_running_loop()
        until = loop.time() + entry.settle
        after: Reading | None = None
        while True:
            after = await self._seen(entry) or after
            if after is not None and after.quality_class == "good" and self._as_wished(wish, entry, after.value):
                return self._answer(wish, progress, "done", after=after)
            if loop.time() + SETTLE_STEP > until:
                break
            await asyncio.sleep(SETTLE_STEP)
        words = "The source took it, and does not read as wished." if after is not None else (
            "The source took it, and could not be read afterwards."
        )  # fmt: skip
        return self._answer(wish, progress, "sent", after=after, words=words)

    async def _seen(self, entry: Entry) -> Reading | None:
        """The tag's reading now; None when it cannot be had, for whatever reason: the source has acted already."""
        try:
            return (await self._fresh.read([entry.tag]))[entry.tag.id]
        except RequestRefused:
            return None
        except Exception:
            logger.exception("the driver of source %s broke while %s was read back", entry.tag.source, entry.tag.id)
            return None

    def _as_wished(self, wish: Wish, entry: Entry, value: object) -> bool:
        if isinstance(entry, CommandEntry):
            if entry.done is not None:
                return reads_as(value, entry.done, 0.0)
            return not reads_as(value, wish.expected, 0.0)
        return reads_as(value, wish.value, self._tolerance(entry, wish.value))

    def _tolerance(self, entry: Entry, value: ActValue) -> float:
        """The same before and after: a person sees both with as many decimals as the catalog says at present."""
        return tolerance_of(entry, value, self._decimals(entry.tag.id))

    # --- answers ------------------------------------------------------------------------------------------------------

    async def _unknown(self, wish: Wish, entry: Entry, progress: Progress, words: str) -> ActAnswer:
        after = await self._seen(entry)
        return self._answer(wish, progress, "unknown_outcome", after=after, words=words)

    def _plain(
        self,
        wish: Wish,
        progress: Progress,
        words: str,
        code: ErrorCode = "internal",
        nothing: str = "The source's driver broke before anything was sent.",
    ) -> ActAnswer:
        """What is true of ``progress`` when nothing more can be found out."""
        if progress.state == "not touched":
            return self.refused(wish, progress, RequestRefused(code, nothing))
        if progress.state == "touched":
            return self._answer(wish, progress, "unknown_outcome", words=words)
        taken = "The source took it; nobody looked at what it reads afterwards."
        return self._answer(wish, progress, "sent", words=taken)

    def _answer(
        self,
        wish: Wish,
        progress: Progress,
        res: Outcome,
        *,
        after: Reading | None = None,
        refusal: RequestRefused | None = None,
        words: str = "",
    ) -> ActAnswer:
        code = refusal.code if refusal is not None else "unknown_outcome" if res == "unknown_outcome" else ""
        return ActAnswer(
            res=res, t=self._clock.wall_ms(), key=wish.key, before=self._told(progress, progress.before),
            after=self._told(progress, after), aid=progress.aid, c=code,
            msg=refusal.message if refusal is not None else words, ua=refusal.status if refusal is not None else None,
        )  # fmt: skip

    def _told(self, progress: Progress, reading: Reading | None) -> object:
        """As a screen shows it: rounded, bounded, never NaN; nothing where the source had nothing good."""
        if reading is None or reading.quality_class == "bad":
            return None
        return self._subscriptions.travelling(progress.tag, reading).value


def _exact(entry: WriteEntry, value: ActValue) -> ActValue:
    """75 is a double too; the driver is given what it will send."""
    return float(value) if entry.type in {"double", "float"} else value
