"""One alarm asked of whoever owns it: bound to what was seen, once, with a deadline, and the truth about the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from relay_bridge.agent.alarms.table import AlarmTable, Standing
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef, OutcomeUnknown
from relay_bridge.contract.alarms import AckResult, AlarmPick, AlarmRow
from relay_bridge.contract.errors import RequestRefused

TOGETHER = 4.0  # seconds for all alarms of one request; the session gives it 5
ONE = 3.0  # seconds for one of them
LEAST = 0.2  # seconds below which one is not even begun
AT_ONCE = 10  # calls to sources that one request may have under way
NEWER = 0.5  # seconds to wait for the row that made an acknowledgement stale
UNKNOWN = "It is not known whether the source took it; look at the list."
CLOSED = "Not tried: the site was closed for changes at the plant."
logger = logging.getLogger(__name__)


class Owner(Protocol):
    """Who is asked: a driver, or a part of the agent that makes alarms."""

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None: ...
    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None: ...
    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None: ...


class OwnAlarms(Owner, Protocol):
    """A part of the agent that makes alarms. ``able``: of ack, confirm and shelve, what it can."""

    @property
    def able(self) -> frozenset[str]: ...
    def owns(self, ref: AlarmRef) -> bool: ...


Call = Callable[[Owner, Standing, float], Awaitable[None]]  # the alarm, and a deadline in seconds


class Asking:
    """``owners``: the source of each id, and ``able`` what it can; ``made_here``: the agent's own alarms.

    ``closed`` tells whether the switch at the plant closed the site meanwhile; ``clean`` makes a source's words fit to
    leave the site.
    """

    def __init__(
        self,
        table: AlarmTable,
        owners: Mapping[str, Owner],
        able: Mapping[str, frozenset[str]],
        *,
        made_here: Sequence[OwnAlarms],
        closed: Callable[[], bool],
        clean: Callable[[str, int], str],
    ) -> None:
        self._table = table
        self._owners = owners
        self._able = able
        self._made_here = list(made_here)
        self._closed = closed
        self._clean = clean

    def add(self, own: OwnAlarms) -> None:
        """One more part of the agent that makes alarms."""
        self._made_here.append(own)

    async def ask_all(self, what: str, items: Sequence[AlarmPick], call: Call) -> list[AckResult]:
        """One result for each of ``items``, in their order, within ``TOGETHER`` seconds. Never raises."""
        gate = asyncio.Semaphore(AT_ONCE)
        loop = asyncio.get_running_loop()
        end = loop.time() + TOGETHER

        async def one(pick: AlarmPick) -> AckResult:
            async with gate:
                return await self._ask(what, pick, call, min(ONE, end - loop.time()))

        return list(await asyncio.gather(*(one(pick) for pick in items)))

    async def _ask(self, what: str, pick: AlarmPick, call: Call, deadline: float) -> AckResult:
        standing = self._table.find(pick.id)
        if standing is None:
            return AckResult(pick.id, "gone", "The alarm has left the list.")
        row = standing.row
        if _is_done(what, row):
            return AckResult(pick.id, "already", by=row.by, at=row.t_ack)
        if row.eid != pick.eid:
            return AckResult(pick.id, "stale", "The alarm has changed since it was seen.", row=row)
        owner, able = self._owner(standing)
        if owner is None or {"acknowledge": "ack", "confirm": "confirm"}.get(what, "shelve") not in able:
            return AckResult(pick.id, "failed", "The source of this alarm does not offer that.")
        if what == "confirm" and row.conf is None:
            return AckResult(pick.id, "failed", "This alarm needs no confirming.")
        if self._closed():
            return AckResult(pick.id, "failed", CLOSED)
        if deadline < LEAST:
            return AckResult(pick.id, "failed", "Not tried, because the source was slow with the others; try again.")
        try:
            # The owner keeps this deadline itself; the outer one holds even if it does not.
            async with asyncio.timeout(deadline + 0.2):
                await call(owner, standing, deadline)
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

    def _owner(self, standing: Standing) -> tuple[Owner | None, frozenset[str]]:
        """Who is asked about an alarm, and what it can do."""
        if standing.row.agent:
            return next(((own, own.able) for own in self._made_here if own.owns(standing.ref)), (None, frozenset()))
        return self._owners.get(standing.row.source), self._able.get(standing.row.source, frozenset())

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
