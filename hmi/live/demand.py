"""Who watches what: the line between live pages, which want values, and links, which fetch them.

Live pages know no link class: the app above (``hmi.ingest``) registers itself here as the provider when it starts.
Everything here belongs to one event loop; nothing is locked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from hmi.live.alarm_book import AlarmBook
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.models import Site
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading

Phase = Literal["connecting", "live", "silent", "down"]


@dataclass(frozen=True)
class LinkState:
    """How the standing link to a site is; ``since`` in epoch ms by the web app's clock, ``reason`` in words.

    ``live``: values or heartbeats arrive. ``silent``: the session stands, but nothing came for 3 s.
    ``connecting``: the first attempt runs. ``down``: there is no session; attempts go on.
    """

    phase: Phase
    since: int
    reason: str = ""


class Watcher(Protocol):
    """One distinct view's interest in one site."""

    def wanted_tags(self, catalog: Catalog) -> Collection[str]:
        """The tags to stream; empty when only the state of the link matters."""

    def accesses(self) -> Iterable[SiteAccess]:
        """Under whose access the link may stream for this watcher: people who watch now and may see live data."""

    def readings_changed(self, tags: Collection[str]) -> None:
        """New readings are in ``latest``."""

    def link_changed(self) -> None:
        """The link's state, a source's state or the catalog changed."""


class Link(Protocol):
    """The standing link to one site, as far as those who watch it are concerned."""

    @property
    def state(self) -> LinkState: ...

    @property
    def catalog(self) -> Catalog | None:
        """As last read from the site; kept while the link is down."""

    @property
    def latest(self) -> Mapping[str, Reading]:
        """The newest reading of every tag that is kept current; what it is worth, ``state`` says."""

    @property
    def sources(self) -> Mapping[str, SourceState]: ...

    @property
    def alarms(self) -> AlarmBook:
        """The site's alarm list; it is kept up while somebody listens to it."""

    @property
    def mode(self) -> SiteMode | None:
        """The switch at the plant as last told; None before the agent was ever heard."""

    def agent_time(self) -> int:
        """Now by the agent's clock in epoch ms; the web app's own before the agent was ever heard."""

    def agent_moment(self, since: int) -> int:
        """A moment of the web app's clock as the agent's clock tells it, both in epoch ms."""

    def attach(self, watcher: Watcher) -> None: ...

    def detach(self, watcher: Watcher) -> None: ...

    def watch_changed(self, watcher: Watcher) -> None:
        """The watcher's accesses or wanted tags changed."""

    def access_ended(self, access: SiteAccess) -> None:
        """This access is over: nothing more may be streamed under it."""

    def expect(self, access: SiteAccess) -> None:
        """Somebody with this access is about to watch, or has just stopped: stay ready for a little."""


class LinkProvider(Protocol):
    def link(self, site: Site) -> Link:
        """The link to the site in the running event loop; made and started when there is none."""

    def existing(self, site_id: UUID) -> Link | None:
        """The link if there is one, without starting anything."""

    def expect(self, access: SiteAccess) -> None:
        """Somebody is about to open a live page under this access: have the link ready."""


_registered: list[LinkProvider] = []


def register_provider(provider: LinkProvider) -> None:
    """Called once, when the app of the links starts."""
    _registered[:] = [provider]


def provider() -> LinkProvider:
    return _registered[0]
