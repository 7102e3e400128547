"""The alarm list as a shared view: each row is drawn once for everybody who sees the same part of it.

Rows travel as the very piece of the page that the server draws first, so both always look alike; what moves is told
by id. The page's own script only puts them in their places. A view has one language, so it is shared by those who read
the same one.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.template.loader import get_template
from django.urls import reverse
from django.utils import translation

from hmi.alarms.arranging import Section, arrange
from hmi.alarms.people import NameBook
from hmi.alarms.presenting import show_alarm
from hmi.alarms.wish import Wish, read_wish
from hmi.live.alarm_book import AlarmBook
from hmi.live.demand import Link
from hmi.live.hub import SharedView
from hmi.live.views import HEARTBEAT_MS, encode_body
from hmi.sites.access import SiteAccess
from hmi.sites.catalog import Catalog
from hmi.sites.models import Site
from relay_bridge.contract.alarms import AlarmRow

ACK = "alarm:ack"
ROW_TEMPLATE = "alarms/_row.html"


def find_list(access: SiteAccess, link: Link, query: Mapping[str, Any]) -> tuple[Hashable, Callable[[], SharedView]]:
    """``alarm_lists.ListMaker``."""
    wish, language = read_wish(query), read_language(query)
    may_ack = access.allows(ACK) and not wish.one  # the page of one alarm has a form of its own
    key = ("alarms", access.site.id, wish, may_ack, language)
    return key, lambda: AlarmListView(access.site, link, wish, may_ack=may_ack, language=language)


def read_language(query: Mapping[str, Any]) -> str:
    """The language that the page is in, as its address says; ours where it says none that we have."""
    language = str(query.get("lang", ""))
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def sections_of(book: AlarmBook, wish: Wish) -> list[Section]:
    return arrange(book.rows, wish, flood=book.flood.on, first_out=book.flood.first_out)


def draw_row(
    row: AlarmRow, site: Site, zone: zoneinfo.ZoneInfo, now: int, *, may_ack: bool, who: str = "", stale: bool = False
) -> str:
    """One row of the list, as our template draws and escapes it. ``stale``: it is the last known, nothing may be done
    about it now."""
    href = reverse("alarms:detail", args=[site.slug, row.id])
    context = {
        "a": show_alarm(row, zone, now, href, who),
        "may_ack": may_ack and not row.ack,
        "stale": stale,
    }
    return get_template(ROW_TEMPLATE).render(context)


def section_wire(section: Section) -> list[Any]:
    return [section.key, section.title, section.total, section.ids, section.note, section.query]


class AlarmListView(SharedView):
    """One part of one site's list. A ``Watcher`` of the link and an ``AlarmListener`` of its book."""

    def __init__(self, site: Site, link: Link, wish: Wish, *, may_ack: bool, language: str) -> None:
        super().__init__()
        self._site = site
        self._link = link
        self._wish = wish
        self._may_ack = may_ack
        self._language = language
        self._names = NameBook(self.values_changed)
        self._zone = zoneinfo.ZoneInfo(site.time_zone)
        self._sections: list[Section] = []
        self._sections_at = 0
        # The row, who acknowledged it, its piece of the page, and since when that is so.
        self._drawn: dict[str, tuple[AlarmRow, str, str, int]] = {}
        self._banner: dict[str, Any] = {}
        self._banner_at = 0
        self._told: tuple[Any, ...] = ()
        self._was_live = False

    # --- as a watcher of the link ----------------------------------------------------------------------------

    def wanted_tags(self, catalog: Catalog) -> Collection[str]:
        return ()

    def accesses(self) -> Iterable[SiteAccess]:
        for member in self.members:
            yield from member.live_accesses()

    def readings_changed(self, tags: Collection[str]) -> None:
        pass

    def link_changed(self) -> None:
        came_live = self.trustworthy and not self._was_live
        self._was_live = self.trustworthy
        if came_live:  # the whole list and "live" leave in one frame: apart, old rows would look live in between
            self._arrange(self.revision)
        told, self._told = self._told, self._state()
        self.say_now(layout=came_live, state=told != self._told)

    # --- as a listener of the alarm list ---------------------------------------------------------------------

    def alarms_changed(self, ids: Collection[str]) -> None:
        self.values_changed()

    def alarm_state_changed(self) -> None:
        self.link_changed()
        self.values_changed()

    # --- as a shared view ------------------------------------------------------------------------------------

    @property
    def trustworthy(self) -> bool:
        return self._link.state.phase == "live" and self._link.alarms.state in {"current", "none"}

    def start(self) -> None:
        self._arrange(0)
        self._told, self._was_live = self._state(), self.trustworthy
        self._link.attach(self)
        self._link.alarms.join(self)

    def stop(self, parting: Sequence[SiteAccess]) -> None:
        for access in parting:
            self._link.expect(access)
        self._link.alarms.leave(self)
        self._link.detach(self)

    def members_changed(self) -> None:
        self._link.watch_changed(self)

    def access_ended(self, access: SiteAccess) -> None:
        self._link.access_ended(access)

    def collect(self) -> None:
        if self._arrange(self.revision + 1):
            self.revision += 1

    def snapshot_body(self) -> str:
        rows = {name: html for name, (_row, _who, html, _at) in self._drawn.items()}
        fields = {"al": self._banner, "sec": self._wire_sections(), "rows": rows, "hb": HEARTBEAT_MS}
        return encode_body(self._head() | fields)

    def make_delta_body(self, since: int) -> str:
        fields: dict[str, Any] = {"t": self._link.agent_time()}
        rows = {name: html for name, (_row, _who, html, at) in self._drawn.items() if at > since}
        if rows:
            fields["rows"] = rows
        if self._sections_at > since:
            fields["sec"] = self._wire_sections()
        if self._banner_at > since:
            fields["al"] = self._banner
        return encode_body(fields)

    def make_state_body(self) -> str:
        return encode_body(self._head())

    # --- inside ----------------------------------------------------------------------------------------------

    def _arrange(self, revision: int) -> bool:
        """Lay the list out anew; True when anything that is shown differs."""
        with translation.override(self._language):
            return self._arrange_in_language(revision)

    def _arrange_in_language(self, revision: int) -> bool:
        book, now = self._link.alarms, self._link.agent_time()
        changed = False
        sections = sections_of(book, self._wish)
        if sections != self._sections:
            self._sections, self._sections_at, changed = sections, revision, True
        drawn: dict[str, tuple[AlarmRow, str, str, int]] = {}
        for name in dict.fromkeys(name for section in sections for name in section.ids):
            row, known = book.rows[name], self._drawn.get(name)
            who = self._names.name(row.by) if row.ack else ""
            if known is None or known[:2] != (row, who):
                html = draw_row(row, self._site, self._zone, now, may_ack=self._may_ack, who=who)
                known = row, who, html.strip(), revision  # a plain text again: the encoder takes no other
                changed = True
            drawn[name] = known
        self._drawn = drawn
        self._names.look_up([row.by for row, *_ in drawn.values() if row.ack])
        if book.banner() != self._banner:
            self._banner, self._banner_at, changed = book.banner(), revision, True
        return changed

    def _wire_sections(self) -> list[list[Any]]:
        return [section_wire(section) for section in self._sections]

    def _head(self) -> dict[str, Any]:
        state = self._link.state
        phase = "connecting" if state.phase == "live" and not self.trustworthy else state.phase
        link = [phase, self._link.agent_moment(state.since), state.reason]
        head: dict[str, Any] = {"t": self._link.agent_time(), "link": link, "src": dict(self._link.sources)}
        mode = self._link.mode
        if mode is not None and mode.mode != "full":  # the same as on every page of the site (hmi/live/views.py)
            head["mode"] = [mode.mode, mode.since, mode.by]
        return head

    def _state(self) -> tuple[Any, ...]:
        return self._link.state, self.trustworthy, dict(self._link.sources), self._link.mode
