"""What a session tells its link, and what it asks of it: the line between one session and the link that outlives it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from hmi.live.alarm_book import AlarmBook
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.conduit_info import ConduitInfo
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading


class LinkReport(Protocol):
    """What a session tells its link and asks of it. All calls are quick, none raises."""

    catalog: Catalog | None
    alarms: AlarmBook

    def heard(self, agent_time: int) -> None:
        """Something came from the agent just now."""

    def agent_time(self) -> int: ...

    def took_sources(self, sources: dict[str, SourceState]) -> None: ...

    def took_mode(self, mode: SiteMode) -> None:
        """How the switch at the plant stands: on hello, and each time it is turned."""

    def took_catalog(self, catalog: Catalog) -> None: ...

    def took_readings(self, readings: dict[str, Reading]) -> None: ...

    def became_current(self, kept: Collection[str]) -> None:
        """Every wanted tag was heard of in this session; only ``kept`` tags have a present."""

    def dropped(self, tags: Collection[str]) -> None:
        """These tags are not kept current any more."""

    def wanted_tags(self) -> frozenset[str]: ...

    def candidates(self) -> list[SiteAccess]:
        """Accesses under which to stream, the best first; empty when nobody may watch values now."""

    def access_ended(self, access: SiteAccess) -> None:
        """Nothing more under this access, which the session streams under."""

    def refuse(self, access: SiteAccess) -> None:
        """This access opens nothing any more."""

    async def check_conduit(self, used: ConduitInfo) -> None:
        """Raises ``SiteUnreachable`` when the site is to be reached otherwise now, or not at all."""
