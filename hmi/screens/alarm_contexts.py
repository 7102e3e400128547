"""What the templates of the alarm pages are given. No I/O."""

from __future__ import annotations

import secrets
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from hmi.alarms.acting import may_be_picked_together
from hmi.alarms.arranging import BAND_WORDS, Section
from hmi.alarms.list_view import draw_row, sections_of
from hmi.alarms.presenting import LETTERS, plain
from hmi.alarms.wish import Wish
from hmi.live.alarm_book import BANDS, AlarmBook
from hmi.live.first_paint import LinkSummary
from hmi.screens.contexts import place_context
from hmi.sites.access import SiteAccess
from relay_bridge.contract.alarms import MAX_ACKS

STATE_WORDS = {
    "waiting": "Not acknowledged",
    "active": "Active",
    "cleared": "Cleared",
    "acknowledged": "Acknowledged",
    "shelved": "Shelved",
}
MAX_CHOICES = 100  # areas to choose from
NOT_KNOWN = "Nothing is known of the alarms of this site yet. The list fills itself when the site answers."


@dataclass(frozen=True)
class ShownSection:
    """A section with its rows as pieces of the page."""

    section: Section
    rows: tuple[str, ...]

    @property
    def left_out(self) -> int:
        return self.section.total - len(self.rows)


def new_nonce() -> str:
    """128 random bits for one form: what is sent twice from it is done once."""
    return secrets.token_urlsafe(16)


def list_context(access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish) -> dict[str, Any]:
    """The list page."""
    slug = access.site.slug
    sections = show_sections(access, summary, book, wish)
    together = [name for shown in sections for name in shown.section.ids if may_be_picked_together(book.rows[name])]
    return alarm_place(access, summary, book, wish) | {
        "sections": sections,
        "wish": wish,
        "bands": [(band, LETTERS[band], BAND_WORDS[band], wish.query(band=band)) for band in BANDS],
        "states": STATE_WORDS,
        "areas": sorted({row.area for row in book.rows.values() if row.area})[:MAX_CHOICES],
        "list_query": wish.query(view="list"),
        "unit_query": wish.query(view="unit"),
        "all_query": Wish(view=wish.view).query(),
        "flood": book.flood.on,
        "recent": book.flood.recent,
        "together": together[:MAX_ACKS],
        "acts_at": reverse("alarms:acknowledge", args=[slug]),
    }


def alarm_place(access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish) -> dict[str, Any]:
    """What every live page of alarms has."""
    slug = access.site.slug
    current = summary.live and book.state in {"current", "none"}
    return place_context(access, summary) | {
        "live_path": f"/ws/sites/{slug}/alarms/{wish.query()}",
        "slug": slug,
        "nonce": new_nonce(),
        "may_ack": access.allows("alarm:ack"),
        "may_shelve": access.allows("alarm:shelve"),
        "asking_href": f"{reverse('screens:ask-for-access')}?site={slug}",
        "none": book.reason if book.state == "none" else "",
        "unknown": NOT_KNOWN if book.state == "unknown" else "",
        "alarms_stale": not current,
        "stale": not current,
        "has_readings": bool(book.rows),
        "trouble": "" if current else "The alarm list is not current",
        "empty": False,
    }


def show_sections(access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish) -> tuple[ShownSection, ...]:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)

    def draw(name: str) -> str:
        may_ack = access.allows("alarm:ack") and not wish.one
        return draw_row(book.rows[name], access.site, zone, summary.agent_time, may_ack=may_ack)

    sections = sections_of(book, wish)
    return tuple(ShownSection(section, tuple(draw(name) for name in section.ids)) for section in sections)


def person_words(by: str, names: Mapping[str, str]) -> str:
    """Who did something: a name that the web app knows, else what the plant wrote."""
    return names.get(by) or plain(by, 60)


def names_in_trail(names: Iterable[str]) -> str:
    """The alarms of one wish as the subject of an event."""
    names = list(names)
    first = plain(names[0], 100) if names else ""
    return first if len(names) < 2 else f"{first} and {len(names) - 1} more"
