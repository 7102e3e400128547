"""Rules 4 and 5: the key on the disk, one at a time, and an outcome that is kept. The attempt itself: attempt.py.

The work belongs to the site and not to the session that asked: it goes on when the session is lost, and its outcome
waits under the key. No layer tries anything twice. Before the key is stored a refusal is an error answer and leaves
nothing behind; afterwards it is an outcome, and the same key always gets the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from relay_bridge.agent.acting.attempt import Attempts, Progress
from relay_bridge.agent.acting.key_store import INTERRUPTED, KeyStore, Stored, StoreFailed
from relay_bridge.agent.acting.pace import Pace
from relay_bridge.agent.acting.records import Records, aid_of
from relay_bridge.agent.acting.wish import Wish
from relay_bridge.agent.acting_config import Entry
from relay_bridge.agent.clock import Clock
from relay_bridge.contract.acting import ActAnswer
from relay_bridge.contract.errors import RequestRefused

ANSWER_WITHIN = 3.0  # seconds; a request may take 5, and the work itself longer than that
FINISH_WITHIN = 0.7  # seconds for what is under way when the agent stops
MAX_UNSAVED = 1000  # outcomes that the disk did not take
NO_RECORD = "The site cannot keep the record that it needs before it acts; nothing was done."
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Running:
    body: bytes
    sub: str
    task: asyncio.Task[ActAnswer]


class Executor:
    """Carries wishes out. ``close`` belongs to the agent's run."""

    def __init__(self, store: KeyStore, pace: Pace, attempts: Attempts, *, records: Records, clock: Clock) -> None:
        self._store = store
        self._pace = pace
        self._attempts = attempts
        self._records = records
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._unsaved: dict[str, Stored] = {}

    # --- from outside -------------------------------------------------------------------------------------------------

    async def carry_out(self, wish: Wish, entry: Entry) -> ActAnswer:
        """Do it, or tell what became of it under this key before. ``pending`` when it takes longer than a request may.

        ``RequestRefused``: nothing was stored and nothing done by this request.
        """
        running = self._running.get(wish.key)
        if running is None:
            if self._attempts.closing:
                raise self._refuse(wish, RequestRefused("busy", "This agent is being stopped."))
            task = asyncio.create_task(self._work(wish, entry), name=f"acting-{wish.target}")
            running = self._running[wish.key] = _Running(wish.body, wish.sub, task)
            task.add_done_callback(lambda done: self._ended(wish.key, done))
        elif running.body != wish.body:
            raise self._refuse(wish, _other_body())
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
        if stored.answer is None and key in self._running:
            return self._pending(key)
        return stored.answer or self._lost(key)

    async def save(self) -> None:
        """Try again to keep the outcomes that the disk did not take."""
        for key, stored in list(self._unsaved.items()):
            try:
                if stored.answer is not None:
                    await self._store.finish(key, stored.answer)
            except StoreFailed:
                return
            self._unsaved.pop(key, None)

    async def close(self) -> None:
        """No new action; those under way get a second, and then an outcome that says how far they came."""
        self._attempts.closing = True
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

    def _lost(self, key: str) -> ActAnswer:
        """Its key is on the disk as pending and nobody works on it: the disk did not take what became of it."""
        return ActAnswer(res="unknown_outcome", t=self._clock.wall_ms(), key=key, c="unknown_outcome", msg=INTERRUPTED)

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
            return stored.answer or self._lost(wish.key)
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
        progress = Progress(aid_of(event), entry.tag.id)
        try:
            await self._begin(wish, progress)
            answer = await self._attempts.make(wish, entry, progress)
        except asyncio.CancelledError:
            await asyncio.shield(self._finish(wish, self._attempts.cut_off(wish, progress)))
            raise
        await self._finish(wish, answer)
        return answer

    async def _begin(self, wish: Wish, progress: Progress) -> None:
        try:
            await self._store.begin(wish, progress.aid)
        except StoreFailed as error:
            refusal = self._no_record(wish, str(error))
            with contextlib.suppress(StoreFailed):  # a slow disk may have taken it after all
                await self._store.finish(wish.key, self._attempts.refused(wish, progress, refusal))
            raise refusal from None

    async def _finish(self, wish: Wish, answer: ActAnswer) -> None:
        try:
            self._records.finished(wish, answer)
        except Exception:  # what was done is done, and its outcome must be kept all the same
            logger.exception("the journal broke at the end of an action")
        try:
            await self._store.finish(wish.key, answer)
        except StoreFailed as error:
            logger.error("%s: the outcome (%s) was not kept: %s", wish.target, answer.res, error)  # noqa: TRY400
            if len(self._unsaved) >= MAX_UNSAVED:
                del self._unsaved[next(iter(self._unsaved))]
            self._unsaved[wish.key] = Stored(wish.sub, wish.body, answer)

    # --- answers and records ------------------------------------------------------------------------------------------

    def _no_record(self, wish: Wish, why: str) -> RequestRefused:
        logger.error("%s: refused, because its key cannot be kept: %s", wish.target, why)
        return self._refuse(wish, RequestRefused("read_only", NO_RECORD))

    def _refuse(self, wish: Wish, refusal: RequestRefused) -> RequestRefused:
        self._records.refused(wish, refusal)
        return refusal


def _other_body() -> RequestRefused:
    return RequestRefused("bad_request", "This key belongs to another request: make a new one for every wish.")


def _require_own(owner: str, sub: str) -> None:
    if owner != sub:
        raise RequestRefused("role", "This key is another person's.")
