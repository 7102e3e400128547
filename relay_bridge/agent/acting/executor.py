"""Rules 4 to 7: the key on the disk, one at a time, a fresh look, one attempt, and an outcome that is the truth.

The work belongs to the site and not to the session that asked: it goes on when the session is lost, and its outcome
waits under the key. No layer tries anything twice. Before the key is stored a refusal is an error answer and leaves
nothing behind; afterwards it is an outcome, and the same key always gets the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from relay_bridge.agent.acting.fresh import Fresh
from relay_bridge.agent.acting.key_store import KeyStore, Stored, StoreFailed
from relay_bridge.agent.acting.openings import Openings
from relay_bridge.agent.acting.pace import Pace
from relay_bridge.agent.acting.records import Records, aid_of
from relay_bridge.agent.acting.rules import check_step, check_time, reads_as, tolerance_of
from relay_bridge.agent.acting.wish import Wish
from relay_bridge.agent.acting_config import Entry, WriteEntry
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import ActingDriver, OutcomeUnknown
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.mode_switch import Switch
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.acting import ActAnswer, ActValue, Outcome
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Reading, quality_words

ANSWER_WITHIN = 3.0  # seconds; a request may take 5, and the work itself longer than that
WRITE_DEADLINE = 5.0  # seconds for the source to answer
SETTLE_STEP = 0.25  # seconds between two looks at what became of it
FINISH_WITHIN = 0.7  # seconds for what is under way when the agent stops
MAX_UNSAVED = 1000  # outcomes that the disk did not take
NO_RECORD = "The site cannot keep the record that it needs before it acts; nothing was done."
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Running:
    body: bytes
    sub: str
    task: asyncio.Task[ActAnswer]


@dataclass
class _Progress:
    """How far an action came: what is true of it if it ends right here."""

    aid: str
    tag: str
    state: Literal["not touched", "touched", "taken"] = "not touched"
    before: Reading | None = None


class Executor:
    """Carries wishes out. ``close`` belongs to the agent's run."""

    def __init__(
        self,
        store: KeyStore,
        pace: Pace,
        fresh: Fresh,
        openings: Openings,
        *,
        drivers: Mapping[str, Driver],
        tags: Mapping[str, TagConfig],
        subscriptions: Subscriptions,
        ceiling: Ceiling,
        decimals: Any,
        records: Records,
        switch: Switch,
        clock: Clock,
    ) -> None:
        self._store = store
        self._pace = pace
        self._fresh = fresh
        self._openings = openings
        self._drivers = drivers
        self._tags = tags
        self._subscriptions = subscriptions
        self._ceiling = ceiling
        self._decimals = decimals
        self._records = records
        self._switch = switch
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._unsaved: dict[str, Stored] = {}
        self._closing = False

    # --- from outside -------------------------------------------------------------------------------------------------

    async def carry_out(self, wish: Wish, entry: Entry) -> ActAnswer:
        """Do it, or tell what became of it under this key before. ``pending`` when it takes longer than a request may.

        ``RequestRefused``: nothing was stored and nothing done by this request.
        """
        running = self._running.get(wish.key)
        if running is None:
            if self._closing:
                raise RequestRefused("busy", "This agent is being stopped.")
            task = asyncio.create_task(self._work(wish, entry), name=f"acting-{wish.target}")
            running = self._running[wish.key] = _Running(wish.body, wish.sub, task)
            task.add_done_callback(lambda done: self._ended(wish.key, done))
        elif running.body != wish.body:
            raise _other_body()
        else:
            self._records.repeated(wish)
        return await self._wait(wish.key, running)

    async def outcome(self, sub: str, key: str) -> ActAnswer | None:
        """What became of a key, for the person whose it is."""
        running = self._running.get(key)
        if running is not None:
            _require_own(running.sub, sub)
            with contextlib.suppress(RequestRefused):  # it left nothing behind
                return await self._wait(key, running)
        stored = self._unsaved.get(key)
        if stored is None:
            try:
                stored = await self._store.find(key)
            except StoreFailed as error:
                logger.error("what became of a key cannot be told: %s", error)  # noqa: TRY400 - told in words
                raise RequestRefused("busy", "The site's record cannot be read now: ask again.") from None
        if stored is None:
            return None
        _require_own(stored.sub, sub)
        return stored.answer or self._pending(key)

    async def close(self) -> None:
        """No new action; those under way get a second, and then an outcome that says how far they came."""
        self._closing = True
        tasks = [running.task for running in self._running.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=FINISH_WITHIN)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=FINISH_WITHIN)

    async def _wait(self, key: str, running: _Running) -> ActAnswer:
        done, _ = await asyncio.wait({running.task}, timeout=ANSWER_WITHIN)
        if not done or running.task.cancelled():
            return self._pending(key)
        return running.task.result()

    def _pending(self, key: str) -> ActAnswer:
        return ActAnswer(res="unknown_outcome", t=self._clock.wall_ms(), key=key, pending=True)

    def _ended(self, key: str, task: asyncio.Task[ActAnswer]) -> None:
        del self._running[key]
        # Whoever asked may be gone, so it is looked at here.
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RequestRefused):
            logger.error("an action broke", exc_info=error)

    # --- 4: the key ---------------------------------------------------------------------------------------------------

    async def _work(self, wish: Wish, entry: Entry) -> ActAnswer:
        try:
            stored = self._unsaved.get(wish.key) or await self._store.find(wish.key)
        except StoreFailed as error:
            raise self._no_record(wish, str(error)) from None
        if stored is not None:
            if stored.body != wish.body:
                raise self._refuse(wish, _other_body())
            self._records.repeated(wish)
            return stored.answer or self._pending(wish.key)
        try:
            self._pace.reserve(entry, wish.sub)
        except RequestRefused as refusal:
            raise self._refuse(wish, refusal) from None
        try:
            return await self._once(wish, entry)
        finally:
            self._pace.release(entry)

    async def _once(self, wish: Wish, entry: Entry) -> ActAnswer:
        event = self._records.begun(wish)
        if event is None:
            raise RequestRefused("read_only", NO_RECORD)
        progress = _Progress(aid_of(event), entry.tag.id)
        try:
            await self._store.begin(wish, progress.aid)
        except StoreFailed as error:
            refusal = self._no_record(wish, str(error))
            with contextlib.suppress(StoreFailed):  # a slow disk may have taken it after all
                await self._store.finish(wish.key, self._answer(wish, progress, "refused", refusal=refusal))
            raise refusal from None
        try:
            answer = await self._attempt(wish, entry, progress)
        except asyncio.CancelledError:
            await asyncio.shield(self._finish(wish, self._cut_off(wish, progress)))
            raise
        await self._finish(wish, answer)
        return answer

    async def _finish(self, wish: Wish, answer: ActAnswer) -> None:
        self._records.finished(wish, answer)
        try:
            await self._store.finish(wish.key, answer)
        except StoreFailed as error:
            logger.error("%s: the outcome (%s) was not kept: %s", wish.target, answer.res, error)  # noqa: TRY400
            if len(self._unsaved) >= MAX_UNSAVED:
                del self._unsaved[next(iter(self._unsaved))]
            self._unsaved[wish.key] = Stored(wish.sub, wish.body, answer)

    # --- 6 and 7 ------------------------------------------------------------------------------------------------------

    async def _attempt(self, wish: Wish, entry: Entry, progress: _Progress) -> ActAnswer:
        try:
            await self._look(wish, entry, progress)
            self._still_allowed(wish, entry)
            progress.state = "touched"
            async with asyncio.timeout(WRITE_DEADLINE + 0.1):
                await self._touch(wish, entry)
            progress.state = "taken"
        except RequestRefused as refusal:
            return self._answer(wish, progress, "refused", refusal=refusal)
        except (OutcomeUnknown, TimeoutError):
            words = f"The source did not answer within {WRITE_DEADLINE:.0f} s. Look at the value."
            return await self._unknown(wish, entry, progress, words)
        except Exception:
            logger.exception("the driver of source %s broke while it was asked to act", entry.tag.source)
            if progress.state == "not touched":
                broken = RequestRefused("internal", "The source's driver broke before anything was sent.")
                return self._answer(wish, progress, "refused", refusal=broken)
            return await self._unknown(wish, entry, progress, "The source's driver broke. Look at the value.")
        return await self._read_back(wish, entry, progress)

    async def _look(self, wish: Wish, entry: Entry, progress: _Progress) -> None:
        """Rule 6. Everything must be good: nobody acts on what may be old."""
        tags = [entry.tag, *(self._tags[condition.tag] for condition in entry.interlock)]
        found = await self._fresh.read(tags)
        progress.before = found[entry.tag.id]
        for tag in tags:
            reading = found[tag.id]
            if reading.quality_class != "good" or reading.value is None:
                words = quality_words(reading.quality) or "no value"
                code: Literal["interlock", "expected"] = "expected" if tag is entry.tag else "interlock"
                raise RequestRefused(code, f"{tag.id} is not good at the source ({words}).", status=reading.quality)
        actual = progress.before.value
        if not reads_as(actual, wish.expected, tolerance_of(entry, wish.expected, self._decimals(entry.tag.id))):
            raise RequestRefused("expected", f"{entry.tag.id} is not what was seen any more.")
        if isinstance(entry, WriteEntry):
            check_step(entry, wish.value, actual)
        for condition in entry.interlock:
            if not reads_as(found[condition.tag].value, condition.equals, 0.0):
                raise RequestRefused("interlock", f"{condition.tag} does not allow this now.")

    def _still_allowed(self, wish: Wish, entry: Entry) -> None:
        """Disks and sources take their time, and the switch may have been turned meanwhile."""
        mode = self._switch.look().mode
        if mode != "full" or self._closing:
            raise RequestRefused("read_only", "The site was closed for changes at the plant.")
        if reason := self._openings.reason(entry):
            raise RequestRefused("read_only", f"This is closed at the site: {reason}")
        check_time(entry, wish, self._clock.wall_ms())

    async def _touch(self, wish: Wish, entry: Entry) -> None:
        """Rule 7: once."""
        driver = cast(ActingDriver, self._drivers[entry.tag.source])
        try:
            if isinstance(entry, WriteEntry):
                await driver.write(entry.tag.id, _exact(entry, wish.value), WRITE_DEADLINE)
            else:
                await driver.call(entry.node, entry.method, entry.arguments, WRITE_DEADLINE)  # type: ignore[attr-defined]
        except RequestRefused as refusal:
            raise RequestRefused(refusal.code, self._ceiling.scrub(refusal.message), status=refusal.status) from None

    async def _read_back(self, wish: Wish, entry: Entry, progress: _Progress) -> ActAnswer:
        loop = asyncio.get_running_loop()
        until = loop.time() + entry.settle
        after: Reading | None = None
        while True:
            with contextlib.suppress(RequestRefused):
                after = (await self._fresh.read([entry.tag]))[entry.tag.id]
                if after.quality_class == "good" and self._as_wished(wish, entry, after.value):
                    return self._answer(wish, progress, "done", after=after)
            if loop.time() + SETTLE_STEP > until:
                break
            await asyncio.sleep(SETTLE_STEP)
        words = "The source took it, and does not read as wished." if after is not None else (
            "The source took it, and could not be read afterwards."
        )  # fmt: skip
        return self._answer(wish, progress, "sent", after=after, words=words)

    def _as_wished(self, wish: Wish, entry: Entry, value: object) -> bool:
        if isinstance(entry, WriteEntry):
            return reads_as(value, wish.value, tolerance_of(entry, wish.value, entry.tag.decimals))
        done = entry.done  # type: ignore[attr-defined]
        return reads_as(value, done, 0.0) if done is not None else not reads_as(value, wish.expected, 0.0)

    async def _unknown(self, wish: Wish, entry: Entry, progress: _Progress, words: str) -> ActAnswer:
        after: Reading | None = None
        with contextlib.suppress(RequestRefused):
            after = (await self._fresh.read([entry.tag]))[entry.tag.id]
        return self._answer(wish, progress, "unknown_outcome", after=after, words=words)

    # --- answers and records ------------------------------------------------------------------------------------------

    def _cut_off(self, wish: Wish, progress: _Progress) -> ActAnswer:
        """The agent was stopped in the middle."""
        if progress.state == "not touched":
            refusal = RequestRefused("busy", "The agent was stopped before anything was sent.")
            return self._answer(wish, progress, "refused", refusal=refusal)
        if progress.state == "touched":
            words = "The agent was stopped before the source answered. Look at the value."
            return self._answer(wish, progress, "unknown_outcome", words=words)
        words = "The source took it; the agent was stopped before it was read back."
        return self._answer(wish, progress, "sent", words=words)

    def _answer(
        self,
        wish: Wish,
        progress: _Progress,
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

    def _told(self, progress: _Progress, reading: Reading | None) -> object:
        """As a screen shows it: rounded, bounded, never NaN; nothing where the source had nothing good."""
        if reading is None or reading.quality_class == "bad":
            return None
        return self._subscriptions.travelling(progress.tag, reading).value

    def _no_record(self, wish: Wish, why: str) -> RequestRefused:
        logger.error("%s: refused, because its key cannot be kept: %s", wish.target, why)
        return self._refuse(wish, RequestRefused("read_only", NO_RECORD))

    def _refuse(self, wish: Wish, refusal: RequestRefused) -> RequestRefused:
        self._records.refused(wish, refusal)
        return refusal


def _exact(entry: WriteEntry, value: ActValue) -> ActValue:
    """75 is a double too; the driver is given what it will send."""
    return float(value) if entry.type in {"double", "float"} else value


def _other_body() -> RequestRefused:
    return RequestRefused("bad_request", "This key belongs to another request: make a new one for every wish.")


def _require_own(owner: str, sub: str) -> None:
    if owner != sub:
        raise RequestRefused("role", "This key is another person's.")
