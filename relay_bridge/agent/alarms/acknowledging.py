"""Acknowledge, confirm and shelve: what a person saw, once per key, noted in the site's journal before and after.

In this order, and the first that fails ends it: the site allows it; the key is new (else its stored answer); not too
often; the journal takes events; the key is on the disk; the journal has the intent. Then each alarm is asked of its
source once (asking.py), and never again by any layer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Protocol

import msgspec

from relay_bridge.agent.alarms.answers import Answers
from relay_bridge.agent.alarms.asking import Asking, Call, Owner
from relay_bridge.agent.alarms.rows import RowMaker
from relay_bridge.agent.alarms.shelf_hands import ShelfHands, ShelfKind
from relay_bridge.agent.alarms.store import StoreFailed
from relay_bridge.agent.alarms.table import AlarmTable, Standing
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.drivers.abilities import AckRefused
from relay_bridge.agent.journal import Journal
from relay_bridge.contract.alarms import MAX_COMMENT, Ack, AckAnswer, AckResult, AckWord, AlarmPick, Shelve
from relay_bridge.contract.audit import cut
from relay_bridge.contract.errors import RequestRefused

A_MINUTE_PERSON, A_MINUTE_SITE = 120, 600  # requests: 50 alarms each, so a flood of 6 000 alarms is one minute's work
MOST_RUNNING = 500  # requests under way: a disk that hangs must not gather them for ever
_IDS_PER_FACT = 14  # of 20 digits and a space: a fact has 300
logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(order="deterministic")
_answer = msgspec.json.Decoder(AckAnswer)
NO_JOURNAL = "The site's journal takes nothing at present, so nobody can act."
STOPPED = "The agent was stopped while this was being done; look at the list."


class Person(Protocol):
    """Who asks: what admission made of a token."""

    @property
    def sub(self) -> str: ...


@dataclass(frozen=True)
class _Wish:
    """One request: ``call`` asks the owner of one alarm."""

    what: str
    items: list[AlarmPick]
    key: str
    body: bytes
    reason: str
    person: str
    session: str
    call: Call


class Acknowledging:
    """``asking``: asks the owners of alarms; ``hands`` learns who shelves, for the journal of alarms.

    What was begun under a key goes on when its session is gone.
    """

    def __init__(
        self,
        *,
        allowed: bool,
        table: AlarmTable,
        rows: RowMaker,
        asking: Asking,
        answers: Answers,
        hands: ShelfHands,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._allowed = allowed
        self._table = table
        self._rows = rows
        self._asking = asking
        self._answers = answers
        self._hands = hands
        self._journal = journal
        self._clock = clock
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

        reason = self._rows.told(shelve.c)

        async def call(owner: Owner, standing: Standing, deadline: float) -> None:
            kind: ShelfKind = "shelved" if shelve.ms else "unshelved"
            hand = self._hands.put(standing.row.id, kind, _name(person.sub), reason)
            try:
                await owner.shelve(standing.ref, shelve.ms, comment, deadline)
            except (AckRefused, RequestRefused) as refused:
                if not (isinstance(refused, RequestRefused) and refused.code == "unknown_outcome"):
                    self._hands.refused(hand)
                raise

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
            if len(self._running) >= MOST_RUNNING:
                raise RequestRefused("busy", "The site is busy with other acknowledgements; try again.")
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
        answer = AckAnswer(t=self._clock.wall_ms(), res=await self._asking.ask_all(wish.what, wish.items, wish.call))
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
                owed=True,
            )

    def _name_of(self, result: AckResult) -> str:
        standing = self._table.find(result.id)
        return standing.row.name if standing is not None else ""


def _name(sub: str) -> str:
    """A person's subject as it may stand in a comment: without what ends the signature there."""
    return re.sub(r"[\s@\[\]]", "-", sub)[:100] or "-"


def _id_facts(items: list[AlarmPick] | list[AckResult]) -> dict[str, str]:
    ids = [item.id for item in items]
    parts = [ids[i : i + _IDS_PER_FACT] for i in range(0, len(ids), _IDS_PER_FACT)]
    return {f"alarms_{number}" if number > 1 else "alarms": " ".join(part) for number, part in enumerate(parts, 1)}
