"""The page of a site and the page of a tank as shared views: readings by handle, derived states, freshness."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from hmi.live.demand import Link, LinkState
from hmi.live.hub import HEARTBEAT, SharedView
from hmi.live.pictures import Picture
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import AssetState, asset_state
from relay_bridge.contract.acting import SiteMode
from relay_bridge.contract.codec import update_item
from relay_bridge.contract.messages import SourceState

HEARTBEAT_MS = int(HEARTBEAT * 1000)
ESTIMATE_SPACING = 3.0  # seconds between two sendings of a rate or forecast; alarms and movements never wait

_encoder = msgspec.json.Encoder()


def encode_body(fields: dict[str, Any]) -> str:
    """The fields as the rest of a JSON object whose first members each socket writes itself."""
    return _encoder.encode(fields).decode()[1:]


class _Told(NamedTuple):
    """What was last said of the state: a difference is said at once."""

    link: LinkState
    trustworthy: bool
    sources: dict[str, SourceState]
    mode: SiteMode | None


class ReadingsView(SharedView):
    """Readings of one site, as a picture chooses them. A ``Watcher`` of the site's link."""

    def __init__(self, link: Link, choose: Callable[[Catalog], Picture], *, alarms: bool = False) -> None:
        """``alarms``: everybody who looks may see alarms, so the banner goes along."""
        super().__init__()
        self._link = link
        self._alarms = alarms
        self._banner: dict[str, Any] = {}
        self._banner_at = 0
        self._choose = choose
        self._catalog: Catalog | None = None
        self._picture = Picture()
        self._handles: dict[str, int] = {}
        self._assets_of: dict[str, str] = {}
        self._sources: frozenset[str] = frozenset()
        self._told: _Told | None = None
        self._was_live = False
        self._missing: set[str] = set()  # watched tags of which nothing was heard yet
        self._changed: set[str] = set()
        self._changed_at: dict[str, int] = {}
        self._derived: dict[str, AssetState] = {}
        self._derived_at: dict[str, int] = {}
        self._estimated_at: dict[str, float] = {}
        self._stale_assets: set[str] = set()

    # --- as a watcher of the link ----------------------------------------------------------------------------

    def wanted_tags(self, catalog: Catalog) -> Collection[str]:
        return self._choose(catalog).watched

    def accesses(self) -> Iterable[SiteAccess]:
        for member in self.members:
            yield from member.live_accesses()

    def readings_changed(self, tags: Collection[str]) -> None:
        for tag in tags:
            asset = self._assets_of.get(tag)
            if asset is not None:
                self._stale_assets.add(asset)
            if tag in self._handles:
                self._changed.add(tag)
        if self._missing:
            self._missing.difference_update(tags)
            if not self._missing:
                self.link_changed()
        if self._changed or self._stale_assets:
            self.values_changed()

    # --- as a listener of the alarm list ----------------------------------------------------------------------

    def alarms_changed(self, ids: Collection[str]) -> None:
        self.values_changed()

    def alarm_state_changed(self) -> None:
        self.values_changed()

    # --- as a watcher of the link, again ----------------------------------------------------------------------

    def link_changed(self) -> None:
        came_live = self.trustworthy and not self._was_live
        self._was_live = self.trustworthy
        catalog = self._link.catalog
        anew = catalog is not None and (came_live or self._source_is_back or catalog is not self._catalog)
        if catalog is not None and anew:
            # After an outage, of the link or of a source, the good news and the values go out in one frame: a state
            # leaves at once and values wait for their half second, so old ones would look live in between.
            self._lay_out(catalog)
        told, self._told = self._told, self._state_wire()
        self.say_now(layout=anew, state=told != self._told)

    @property
    def trustworthy(self) -> bool:
        # A link that is up may still be fetching what only this page shows: until then nothing here is live.
        return self._link.state.phase == "live" and not self._missing

    @property
    def _source_is_back(self) -> bool:
        """A source of what is shown here is better than was told last."""
        told = self._told.sources if self._told is not None else {}
        return self.trustworthy and any(
            source in told and state.code < told[source].code for source, state in self._source_wire().items()
        )

    # --- as a shared view ------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._link.catalog is not None:
            self._lay_out(self._link.catalog)
        self._told, self._was_live = self._state_wire(), self.trustworthy
        self._link.attach(self)
        if self._alarms:
            self._banner = self._link.alarms.banner()
            self._link.alarms.join(self)

    def stop(self, parting: Sequence[SiteAccess]) -> None:
        for access in parting:  # people move from page to page: the link waits for them a little
            self._link.expect(access)
        self._link.alarms.leave(self)
        self._link.detach(self)

    def members_changed(self) -> None:
        self._link.watch_changed(self)

    def access_ended(self, access: SiteAccess) -> None:
        self._link.access_ended(access)

    def collect(self) -> None:
        revision = self.revision + 1
        for tag in self._changed:
            self._changed_at[tag] = revision
        moved = self._derive(revision)
        if self._alarms and self._banner != self._link.alarms.banner():
            self._banner, self._banner_at, moved = self._link.alarms.banner(), revision, True
        if self._changed or moved:
            self.revision = revision
        self._changed.clear()
        if self._stale_assets:  # an estimate waits for its turn; it must not wait for the next reading
            self.values_changed(after=ESTIMATE_SPACING)

    def snapshot_body(self) -> str:
        now = self._link.agent_time()
        latest = self._link.latest
        return encode_body(
            {
                "t": now,
                "h": self._handles,
                "d": [update_item(handle, latest[tag], now) for tag, handle in self._handles.items() if tag in latest],
                "x": {asset: state.as_wire() for asset, state in self._derived.items()},
                "src": self._source_wire(),
                "link": self._link_wire(),
                "hb": HEARTBEAT_MS,
                **self._mode_wire(),
                **({"al": self._banner} if self._alarms else {}),
            }
        )

    def make_delta_body(self, since: int) -> str:
        now = self._link.agent_time()
        latest = self._link.latest
        items = [
            update_item(self._handles[tag], latest[tag], now)
            for tag, changed_at in self._changed_at.items()
            if changed_at > since and tag in latest
        ]
        fields: dict[str, Any] = {"t": now, "d": items}
        derived = {asset: self._derived[asset].as_wire() for asset, at in self._derived_at.items() if at > since}
        if derived:
            fields["x"] = derived
        if self._alarms and self._banner_at > since:
            fields["al"] = self._banner
        return encode_body(fields)

    def make_state_body(self) -> str:
        fields = {"t": self._link.agent_time(), "src": self._source_wire(), "link": self._link_wire()}
        return encode_body(fields | self._mode_wire())

    # --- inside ----------------------------------------------------------------------------------------------

    def _lay_out(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._picture = self._choose(catalog)
        self._handles = {tag: handle for handle, tag in enumerate(self._picture.tags, start=1)}
        shown_assets = set(self._picture.assets)
        known = {tag: catalog.tag(tag) for tag in self._picture.watched}
        self._assets_of = {tag: row.asset for tag, row in known.items() if row and row.asset in shown_assets}
        self._sources = frozenset(row.source for row in known.values() if row)
        self._changed.clear()
        self._changed_at.clear()
        self._derived_at.clear()
        self._estimated_at.clear()
        self._stale_assets.clear()
        self._missing = {tag for tag in self._picture.watched if tag not in self._link.latest}
        self._derived = {asset: asset_state(catalog, asset, self._link.latest) for asset in self._picture.assets}

    def _derive(self, revision: int) -> bool:
        """Work the derived states out again where a reading changed; True when something is to be told."""
        if self._catalog is None:
            return False
        now, moved, later = self._loop.time(), False, set()
        for asset in self._stale_assets:
            state = asset_state(self._catalog, asset, self._link.latest)
            before = self._derived.get(asset)
            if state == before:
                continue
            urgent = before is None or (state.alarm, state.move, state.doubtful) != (
                before.alarm, before.move, before.doubtful,
            )  # fmt: skip
            if not urgent and now - self._estimated_at.get(asset, float("-inf")) < ESTIMATE_SPACING:
                later.add(asset)
                continue
            self._derived[asset], self._derived_at[asset], self._estimated_at[asset] = state, revision, now
            moved = True
        self._stale_assets = later
        return moved

    def _state_wire(self) -> _Told:
        return _Told(self._link.state, self.trustworthy, self._source_wire(), self._link.mode)

    def _link_wire(self) -> list[Any]:
        """The link's state, dated by the agent's clock like everything on the page."""
        state = self._link.state
        phase = "connecting" if state.phase == "live" and not self.trustworthy else state.phase
        return [phase, self._link.agent_moment(state.since), state.reason]

    def _mode_wire(self) -> dict[str, Any]:
        """The switch at the plant, where it is not fully open: mode, since (epoch ms, agent's clock), who set it."""
        mode = self._link.mode
        return {} if mode is None or mode.mode == "full" else {"mode": [mode.mode, mode.since, mode.by]}

    def _source_wire(self) -> dict[str, SourceState]:
        return {source: state for source, state in self._link.sources.items() if source in self._sources}
