"""The page of a person's sites as a shared view: one line a site, and each line worked out once for everybody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hmi.live.clock import now_ms
from hmi.live.demand import Link
from hmi.live.hub import Hub, SharedView
from hmi.live.pictures import summary_picture
from hmi.live.views import HEARTBEAT_MS, encode_body
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import alarm_state


@dataclass
class _Follower:
    view: SitesView
    slug: str
    with_values: bool
    with_alarms: bool = False


@dataclass
class SiteLine:
    """One site in everybody's lists: link state, and for those who may see values the counts."""

    link: list[Any] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    alarms: dict[str, Any] = field(default_factory=dict)


class SiteSummary:
    """Watches one site for every list in which it stands. A ``Watcher`` of the site's link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._followers: list[_Follower] = []
        self.line = SiteLine()

    # --- as a watcher of the link ----------------------------------------------------------------------------

    def wanted_tags(self, catalog: Catalog) -> Collection[str]:
        if not any(follower.with_values for follower in self._followers):
            return ()
        return summary_picture(catalog).needed

    def accesses(self) -> Iterable[SiteAccess]:
        for follower in self._followers:
            if follower.with_values:
                yield from follower.view.accesses_to(follower.slug)

    def readings_changed(self, tags: Collection[str]) -> None:
        self._recount()

    def link_changed(self) -> None:
        self._recount()

    # --- as a listener of its alarm list ---------------------------------------------------------------------

    def alarms_changed(self, ids: Collection[str]) -> None:
        self._recount()

    def alarm_state_changed(self) -> None:
        self._recount()

    # --- lists ------------------------------------------------------------------------------------------------

    def follow(self, follower: _Follower) -> None:
        self._followers.append(follower)
        if len(self._followers) == 1:
            self.line = self._make_line()
            self._link.attach(self)
        else:
            self._link.watch_changed(self)
        self._follow_alarms()

    def unfollow(self, view: SitesView) -> None:
        self._followers = [follower for follower in self._followers if follower.view is not view]
        self._follow_alarms()
        if self._followers:
            self._link.watch_changed(self)
        else:
            self._link.detach(self)

    def members_changed(self) -> None:
        self._link.watch_changed(self)

    def access_ended(self, access: SiteAccess) -> None:
        self._link.access_ended(access)

    def expect(self, access: SiteAccess) -> None:
        self._link.expect(access)

    @property
    def followed(self) -> bool:
        return bool(self._followers)

    def _follow_alarms(self) -> None:
        if any(follower.with_alarms for follower in self._followers):
            self._link.alarms.join(self)
        else:
            self._link.alarms.leave(self)

    def _recount(self) -> None:
        line, before = self._make_line(), self.line
        link_changed, counts_changed = line.link != before.link, line.counts != before.counts
        alarms_changed = line.alarms != before.alarms
        self.line = line
        for follower in list(self._followers):
            news = (counts_changed and follower.with_values) or (alarms_changed and follower.with_alarms)
            if link_changed or news:
                follower.view.line_changed(follower.slug, at_once=link_changed)

    def _make_line(self) -> SiteLine:
        link = self._link
        line = SiteLine(link=[link.state.phase, link.state.since, link.state.reason])
        if link.catalog is not None:
            line.counts = count_tanks(link)
        line.alarms = link.alarms.banner()
        return line


def count_tanks(link: Link) -> dict[str, int]:
    """How many tanks there are, how many of them have a level that is not current, how many are in alarm.

    A level is not current when there is none, or the link or its source is not up; quality is another matter.
    """
    catalog = link.catalog
    if catalog is None:
        return {}
    stale = alarm = 0
    for asset in catalog.tanks:
        level = catalog.tag_of(asset.id, "level")
        reading = None if level is None else link.latest.get(level.id)
        alarm += bool(alarm_state(level, reading)[0])
        source = None if level is None else link.sources.get(level.source)
        fresh = link.state.phase == "live" and source is not None and source.code == 0
        stale += not (fresh and reading is not None)
    return {"tanks": len(catalog.tanks), "stale": stale, "alarm": alarm}


class SitesView(SharedView):
    """The lists of everybody who may know of the same sites, with the same say on which may be seen into."""

    def __init__(self, summaries: Mapping[str, tuple[SiteSummary, bool]], alarms: frozenset[str] = frozenset()) -> None:
        """``summaries`` by slug, each with whether the values behind it may be shown; ``alarms``: of which sites the
        alarms may."""
        super().__init__()
        self._summaries = dict(summaries)
        self._alarms = alarms
        self._changed: set[str] = set()
        self._changed_at: dict[str, int] = {}

    def accesses_to(self, slug: str) -> Iterable[SiteAccess]:
        for member in self.members:
            for access in member.live_accesses():
                if access.site.slug == slug:
                    yield access

    def line_changed(self, slug: str, *, at_once: bool) -> None:
        self._changed.add(slug)
        if at_once:
            self.publish_now()
        else:
            self.values_changed()

    def start(self) -> None:
        for slug, (summary, with_values) in self._summaries.items():
            summary.follow(_Follower(self, slug, with_values, slug in self._alarms))

    def stop(self, parting: Sequence[SiteAccess]) -> None:
        for access in parting:
            if access.site.slug in self._summaries:
                self._summaries[access.site.slug][0].expect(access)
        for summary, _ in self._summaries.values():
            summary.unfollow(self)

    def members_changed(self) -> None:
        for summary, with_values in self._summaries.values():
            if with_values:
                summary.members_changed()

    def access_ended(self, access: SiteAccess) -> None:
        if access.site.slug in self._summaries:
            self._summaries[access.site.slug][0].access_ended(access)

    def collect(self) -> None:
        if self._changed:
            self.revision += 1
            self._changed_at.update(dict.fromkeys(self._changed, self.revision))
            self._changed.clear()

    def snapshot_body(self) -> str:
        return encode_body({"t": now_ms(), "sites": self._lines(self._summaries), "hb": HEARTBEAT_MS})

    def make_delta_body(self, since: int) -> str:
        slugs = [slug for slug, at in self._changed_at.items() if at > since]
        return encode_body({"t": now_ms(), "sites": self._lines(slugs)})

    def make_state_body(self) -> str:
        return encode_body({"t": now_ms()})

    def _lines(self, slugs: Iterable[str]) -> dict[str, Any]:
        lines: dict[str, Any] = {}
        for slug in slugs:
            summary, with_values = self._summaries[slug]
            lines[slug] = {"link": summary.line.link} | (summary.line.counts if with_values else {})
            if slug in self._alarms:
                lines[slug]["al"] = summary.line.alarms
        return lines


def summary_of(hub: Hub, link: Link, site_id: UUID) -> SiteSummary:
    """The one summary of a site in this event loop, made when nobody follows it yet."""
    summary = hub.parts.get(("summary", site_id))
    if summary is None or not summary.followed:
        summary = hub.parts["summary", site_id] = SiteSummary(link)
    return summary
