"""The verbs of alarms, for one session: the list on and off, its journal, acknowledging and shelving."""

from __future__ import annotations

from relay_bridge.agent.admission import Admitted
from relay_bridge.agent.alarms.site_alarms import SiteAlarms
from relay_bridge.agent.stream import LiveStream
from relay_bridge.contract.alarms import Ack, AckAnswer, Alarms, Journal, JournalAnswer, Shelve
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Empty

NO_ALARMS = "This site has no alarms configured."


class AlarmMethods:
    """``session`` names the session in the journal."""

    def __init__(self, alarms: SiteAlarms, stream: LiveStream, session: str) -> None:
        self._alarms = alarms
        self._stream = stream
        self._session = session

    async def alarms(self, wish: Alarms, _: Admitted) -> Empty:
        """A snapshot follows at once, then what changes; ``on`` false ends it."""
        self._check()
        if wish.on:
            self._stream.show_alarms(wish.area, wish.minsev)
        else:
            self._stream.hide_alarms()
        return Empty()

    async def journal(self, query: Journal, _: Admitted) -> JournalAnswer:
        self._check()
        return await self._alarms.journal.page(query)

    async def ack(self, ack: Ack, person: Admitted) -> AckAnswer:
        self._check()
        return await self._alarms.acknowledging.acknowledge(ack, person, self._session)

    async def shelve(self, shelve: Shelve, person: Admitted) -> AckAnswer:
        self._check()
        return await self._alarms.acknowledging.shelve(shelve, person, self._session)

    def _check(self) -> None:
        if not self._alarms.offered:
            raise RequestRefused("unsupported", NO_ALARMS)
