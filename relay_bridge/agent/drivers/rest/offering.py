"""``Offering``: what an HTTP source may have beside live values, history and alarms, offered as far as it has it."""

from __future__ import annotations

from typing import NoReturn

from relay_bridge.agent.drivers.abilities import AckRefused, AlarmRef, AlarmSink, Bucket, RawHistory
from relay_bridge.agent.drivers.announcing import Announcer
from relay_bridge.agent.drivers.rest.alarms import AlarmPolling
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.history import History
from relay_bridge.contract.errors import RequestRefused


class Offering:
    """``HistoryDriver`` and ``AlarmDriver`` of a source; a part that is None it has not got."""

    _talk: Conversation
    _history: History | None
    _alarms: AlarmPolling | None
    _announcer: Announcer
    _is_online: bool

    async def history_raw(self, tag: str, start: int, end: int, limit: int, deadline: float) -> RawHistory:
        return await self._with_history().raw(tag, start, end, limit, deadline)

    async def history_aggregate(self, tag: str, start: int, width: int, count: int, deadline: float) -> list[Bucket]:
        return await self._with_history().aggregate(tag, start, width, count, deadline)

    def watch_alarms(self, sink: AlarmSink | None) -> None:
        """From now on put alarms there (``None``: nowhere), over all reconnects; begins with a refresh."""
        if self._alarms is not None:
            self._alarms.watch(sink)

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        """Acknowledge exactly this occurrence. ``AckRefused``; ``OutcomeUnknown`` when no answer came."""
        if self._alarms is None:
            raise AckRefused("denied", "This source has no alarms.")
        self._refuse_when_down()
        await self._alarms.acknowledge(self._talk, ref, event, comment, deadline)

    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        raise AckRefused("denied", "This source knows no confirming.")

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        raise AckRefused("denied", "This source knows no shelving.")

    def _with_history(self) -> History:
        if self._history is None:
            raise RequestRefused("unsupported", "This source has no history.")
        self._refuse_when_down()
        return self._history

    def _refuse_when_down(self) -> None:
        if not self._is_online:
            self._refuse_down()

    def _refuse_down(self) -> NoReturn:
        raise RequestRefused("source_down", f"The source cannot be asked: {self._announcer.reason}.")
