"""Acknowledge, confirm and shelve: what a person saw, once per key, noted in the site's journal before and after.

In this order, and the first that fails ends it: the site allows it; the key is new (else its stored answer); not too
often; the journal takes events; the key is on the disk; the journal has the intent. Then each alarm is asked of its
source once, with a deadline, and never again by any layer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from relay_bridge.agent.alarms.answers import Answers
from relay_bridge.agent.alarms.rows import RowMaker
from relay_bridge.agent.alarms.store import StoreFailed
from relay_bridge.agent.alarms.table import AlarmTable, Standing
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef, OutcomeUnknown
from relay_bridge.agent.journal import Journal
from relay_bridge.contract.alarms import MAX_COMMENT, Ack, AckAnswer, AckResult, AckWord, AlarmPick, AlarmRow, Shelve
from relay_bridge.contract.audit import cut
from relay_bridge.contract.errors import RequestRefused

TOGETHER = 4.0  # seconds for all alarms of one request; the session gives it 5
ONE = 3.0  # seconds for one of them
LEAST = 0.2  # seconds below which one is not even begun
AT_ONCE = 10  # calls to sources that one request may have under way
NEWER = 0.5  # seconds to wait for the row that made an acknowledgement stale
A_MINUTE_PERSON, A_MINUTE_SITE = 120, 600  # requests: 50 alarms each, so a flood of 6 000 alarms is one minute's work
_IDS_PER_FACT = 14  # of 20 digits and a space: a fact has 300
logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(order="deterministic")
_answer = msgspec.json.Decoder(AckAnswer)
UNKNOWN = "It is not known whether the source took it; look at the list."
NO_JOURNAL = "The site's journal takes nothing at present, so nobody can act."
STOPPED = "The agent was stopped while this was being done; look at the list."


class Person(Protocol):
    """Who asks: what admission made of a token."""

    @property
    def sub(self) -> str: ...


class Owner(Protocol):
    """Who is asked: a driver, or the agent's own limit alarms."""

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None: ...
    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None: ...
    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None: ...


@dataclass(frozen=True)
class _Wish:
    """One request: ``call`` asks the owner of one alarm, with a deadline in seconds."""

    what: str
    items: list[AlarmPick]
    key: str
    body: bytes
    reason: str
    person: str
    session: str
    call: Callable[[Owner, Standing, float], Awaitable[None]]


class Acknowledging:
    """``owners``: the source of each id; ``limits``: the alarms that this agent makes. ``able``: what each can do."""

    def __init__(
        self,
        *,
        allowed: bool,
        table: AlarmTable,
        rows: RowMaker,
        owners: Mapping[str, Owner],
        able: Mapping[str, frozenset[str]],
        limits: Owner | None,
        answers: Answers,
        journal: Journal,
        clock: Clock,
        clean: Callable[[str, int], str],
    ) -> None:
        self._allowed = allowed
        self._table = table
        self._rows = rows
        self._owners = owners
        self._able = able
        self._limits = limits
        self._answers = answers
        self._journal = journal
        self._clock = clock
        self._clean = clean
        self._running: dict[tuple[str, str], tuple[bytes, asyncio.Task[AckAnswer]]] = {}
        self._budgets: dict[str, tuple[float, float]] = {}  # by person: what is left, and when it was counted

    async def acknowledge(self, ack: Ack, person: Person, session: str) -> AckAnswer:
        """The answer to ``ack``. ``RequestRefused``: nothing was done."""
        ids = [pick.id for pick in ack.items]
        if len(set(ids)) != len(ids):
            raise RequestRefused("bad_request", "ack: name each alarm once.")
        comment = self._signed(ack.c, person)

        async def call(owner: Owner, standing: Standing, deadline: float) -> None:
            do = owner.acknowledge if ack.what == "acknowledge" else owner.confirm
            await do(standing.ref, standing.event, comment, deadline)

        return await self._once(
            _Wish(ack.what, ack.items, ack.key, _encoder.encode(ack), ack.c, person.sub, session, call)
        )

    async def shelve(self, shelve: Shelve, person: Person, session: str) -> AckAnswer:
        """The answer to ``shelve``, for its one alarm. ``RequestRefused``: nothing was done."""
        if shelve.ms and not shelve.c.strip():
            raise RequestRefused("bad_request", "shelve: give a reason.")
        comment = self._signed(shelve.c, person)

        async def call(owner: Owner, standing: Standing, deadline: float) -> None:
            await owner.shelve(standing.ref, shelve.ms, comment, deadline)

        what = "shelve" if shelve.ms else "unshelve"
        return await self._once(
            _Wish(what, [shelve.item], shelve.key, _encoder.encode(shelve), shelve.c, person.sub, session, call)
        )

    def _signed(self, comment: str, person: Person) -> str:
        return self._rows.signed(cut(comment, MAX_COMMENT), _name(person.sub))

    # --- once per key ---------------------------------------------------------------------------------------------

    async def _once(self, wish: _Wish) -> AckAnswer:
        if not self._allowed:
            raise RequestRefused("read_only", "This site does not allow alarms to be acknowledged or shelved.")
        # Looked for and put down without a pause between: two of the same key never run beside each other.
        place = (wish.person, wish.key)
        running = self._running.get(place)
        if running is None:
            task = asyncio.create_task(self._do(wish), name="acknowledging")
            running = self._running[place] = wish.body, task
            task.add_done_callback(lambda task: self._done(place, task))
        elif running[0] != wish.body:
            raise RequestRefused("bad_request", f"{wish.what}: this key was used for something else.")
        # The session may end; what was begun is finished, kept and noted all the same.
        return await asyncio.shield(running[1])

    def is_running(self, person: str, key: str) -> bool:
        """Whether this person's key is being worked on now."""
        return (person, key) in self._running

    def _done(self, place: tuple[str, str], task: asyncio.Task[AckAnswer]) -> None:
        self._running.pop(place, None)
        if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), RequestRefused):
            logger.error("acknowledging failed", exc_info=task.exception())

    async def _do(self, wish: _Wish) -> AckAnswer:
        try:
            kept = await self._answers.find(wish.person, wish.key)
            if kept is not None:
                return self._again(wish, kept.body, kept.answer)
            self._spend(wish.person)
            if not self._journal.available:
                raise RequestRefused("busy", NO_JOURNAL)
            await self._answers.begin(wish.person, wish.key, wish.body)
            if not self._note_asked(wish):
                await self._answers.forget(wish.person, wish.key)
                raise RequestRefused("busy", NO_JOURNAL)
        except StoreFailed:
            raise RequestRefused("busy", "The site cannot keep this at present, so nobody can act.") from None
        answer = AckAnswer(t=self._clock.wall_ms(), res=await self._all(wish))
        self._note_answered(wish, answer.res)
        try:
            await self._answers.finish(wish.person, wish.key, _encoder.encode(answer))
        except StoreFailed as error:
            logger.error("An answer could not be kept; asked again it is told as unknown: %s.", error)  # noqa: TRY400
        return answer

    def _again(self, wish: _Wish, body: bytes, answer: bytes | None) -> AckAnswer:
        if body != wish.body:
            raise RequestRefused("bad_request", f"{wish.what}: this key was used for something else.")
        if answer is not None:
            return _answer.decode(answer)
        return AckAnswer(t=self._clock.wall_ms(), res=[AckResult(pick.id, "unknown", STOPPED) for pick in wish.items])

    def _spend(self, person: str) -> None:
        """Take one request out of the person's and the site's budget, or refuse."""
        now = self._clock.monotonic()
        left: dict[str, float] = {}
        for who, rate in ((person, A_MINUTE_PERSON), ("", A_MINUTE_SITE)):
            before, at = self._budgets.get(who, (float(rate), now))
            left[who] = min(float(rate), before + (now - at) * rate / 60) - 1
            if left[who] < 0:
                raise RequestRefused("rate", "Too many acknowledgements in a minute; wait a little.")
        if len(self._budgets) > 1000:
            self._budgets = {who: b for who, b in self._budgets.items() if now - b[1] < 60}
        self._budgets.update({who: (rest, now) for who, rest in left.items()})

    # --- one alarm ------------------------------------------------------------------------------------------------

    async def _all(self, wish: _Wish) -> list[AckResult]:
        gate = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        end = loop.time() + TOGETHER

        async def one(pick: AlarmPick) -> AckResult:
            async with gate:
                return await self._ask(wish, pick, min(ONE, end - loop.time()))

        return list(await asyncio.gather(*(one(pick) for pick in wish.items)))

    async def _ask(self, wish: _Wish, pick: AlarmPick, deadline: float) -> AckResult:
        what = wish.what
        standing = self._table.find(pick.id)
        if standing is None:
            return AckResult(pick.id, "gone", "The alarm has left the list.")
        row = standing.row
        if _is_done(what, row):
            return AckResult(pick.id, "already", by=row.by, at=row.t_ack)
        if row.eid != pick.eid:
            return AckResult(pick.id, "stale", "The alarm has changed since it was seen.", row=row)
        owner = self._limits if row.agent else self._owners.get(row.source)
        ability = {"acknowledge": "ack", "confirm": "confirm"}.get(what, "shelve")
        if owner is None or not (row.agent or ability in self._able.get(row.source, frozenset())):
            return AckResult(pick.id, "failed", "The source of this alarm does not offer that.")
        if what == "confirm" and row.conf is None:
            return AckResult(pick.id, "failed", "This alarm needs no confirming.")
        if deadline < LEAST:
            return AckResult(pick.id, "failed", "Not tried, because the source was slow with the others; try again.")
        try:
            # The owner keeps this deadline itself; the outer one holds even if it does not.
            async with asyncio.timeout(deadline + 0.2):
                await wish.call(owner, standing, deadline)
        except AckRefused as refused:
            return await self._refused(pick, refused)
        except (OutcomeUnknown, TimeoutError):
            return AckResult(pick.id, "unknown", UNKNOWN)
        except RequestRefused as refused:
            if refused.code == "unknown_outcome":
                return AckResult(pick.id, "unknown", UNKNOWN)
            return AckResult(pick.id, "failed", self._clean(refused.message, 200))
        except Exception:
            logger.exception("a driver failed at %s", what)
            return AckResult(pick.id, "unknown", UNKNOWN)
        return AckResult(pick.id, "ok")

    async def _refused(self, pick: AlarmPick, refused: AckRefused) -> AckResult:
        message = self._clean(refused.message, 200)
        if refused.word not in {"stale", "already"}:
            return AckResult(pick.id, refused.word, message)
        row = await self._newer(pick)
        if refused.word == "stale":
            return AckResult(pick.id, "stale", message, row=row)
        return AckResult(pick.id, "already", message, by=row.by if row else "", at=row.t_ack if row else 0)

    async def _newer(self, pick: AlarmPick) -> AlarmRow | None:
        """The row that follows the one that was seen: the source knows it already, its event is on the way."""
        arrival = _Arrival(pick)
        self._table.join(arrival)
        try:
            async with asyncio.timeout(NEWER):
                standing = self._table.find(pick.id)
                if standing is not None and standing.row.eid == pick.eid:
                    await arrival.came.wait()
        except TimeoutError:
            pass
        finally:
            self._table.leave(arrival)
        standing = self._table.find(pick.id)
        return standing.row if standing is not None else None

    # --- the site's journal ---------------------------------------------------------------------------------------

    def _note_asked(self, wish: _Wish) -> bool:
        facts = {"what": wish.what, "count": str(len(wish.items)), **_id_facts(wish.items)}
        noted = self._journal.record(
            "agent:alarm:asked", result="done", actor=wish.person, reason=wish.reason, session=wish.session, facts=facts
        )
        return noted is not None

    def _note_answered(self, wish: _Wish, results: list[AckResult]) -> None:
        """One event for each way in which it ended, with the alarms that ended so."""
        by_word: dict[AckWord, list[AckResult]] = {}
        for result in results:
            by_word.setdefault(result.res, []).append(result)
        for word, ended in by_word.items():
            facts = {"what": wish.what, "outcome": word, "count": str(len(ended)), **_id_facts(ended)}
            self._journal.record(
                "agent:alarm:answered",
                result="done" if word in {"ok", "already"} else "failed" if word == "unknown" else "refused",
                actor=wish.person,
                subject=self._name_of(ended[0]) if len(ended) == 1 else "",
                reason=wish.reason,
                session=wish.session,
                facts=facts,
            )

    def _name_of(self, result: AckResult) -> str:
        standing = self._table.find(result.id)
        return standing.row.name if standing is not None else ""


class _Arrival:
    """Hears when an alarm is not any more as somebody saw it."""

    def __init__(self, pick: AlarmPick) -> None:
        self._pick = pick
        self.came = asyncio.Event()

    def alarm_changed(self, before: AlarmRow | None, after: AlarmRow | None) -> None:
        row = after or before
        if row is not None and row.id == self._pick.id and (after is None or after.eid != self._pick.eid):
            self.came.set()

    def dropped_changed(self) -> None:
        pass


def _is_done(what: str, row: AlarmRow) -> bool:
    """It is so already, by whomever: told first, because that is what the person wanted to know."""
    return (what == "acknowledge" and row.ack) or (what == "confirm" and row.conf is True)


def _name(sub: str) -> str:
    """A person's subject as it may stand in a comment: without what ends the signature there."""
    return re.sub(r"[\s@\[\]]", "-", sub)[:100] or "-"


def _id_facts(items: list[AlarmPick] | list[AckResult]) -> dict[str, str]:
    ids = [item.id for item in items]
    parts = [ids[i : i + _IDS_PER_FACT] for i in range(0, len(ids), _IDS_PER_FACT)]
    return {f"alarms_{number}" if number > 1 else "alarms": " ".join(part) for number, part in enumerate(parts, 1)}
