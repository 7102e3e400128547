"""What the templates of the alarm pages are given. No I/O."""

from __future__ import annotations

import secrets
import zoneinfo
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from hmi.alarms.acting import may_be_picked_together
from hmi.alarms.arranging import BAND_WORDS, Section
from hmi.alarms.list_view import draw_row, sections_of
from hmi.alarms.presenting import LETTERS
from hmi.alarms.wish import Wish
from hmi.live.alarm_book import BANDS, AlarmBook
from hmi.live.first_paint import LinkSummary
from hmi.screens.contexts import place_context
from hmi.sites.access import SiteAccess
from hmi.sites.plain_text import plain
from relay_bridge.contract.alarms import MAX_ACKS, AlarmRow

STATE_WORDS = {
    "waiting": gettext_lazy("Not acknowledged"),
    "active": gettext_lazy("Active"),
    "cleared": gettext_lazy("Cleared"),
    "acknowledged": gettext_lazy("Acknowledged"),
    "shelved": gettext_lazy("Shelved"),
}
BANNER_ALONE = Wish(view="banner")
MAX_CHOICES = 100  # areas and units to choose from
NOT_KNOWN = gettext_lazy(
    "Nothing is known of the alarms of this site yet. The list fills itself when the site answers."
)


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


def is_current(summary: LinkSummary, book: AlarmBook) -> bool:
    """Whether the list may be taken for the present."""
    return summary.live and book.state in {"current", "none"}


def down_sources(summary: LinkSummary) -> frozenset[str]:
    """Sources that the site itself does not reach now."""
    return frozenset(source for source, state in summary.sources.items() if state.code != 0)


def list_context(
    access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish, names: Mapping[str, str]
) -> dict[str, Any]:
    """The list page. ``names``: of who acknowledged, by subject."""
    slug = access.site.slug
    sections = show_sections(access, summary, book, wish, names)
    shown = [book.rows[name] for section in sections for name in section.section.ids]
    down = down_sources(summary)
    together = [row.id for row in shown if may_be_picked_together(row) and row.source not in down]
    rows = book.rows.values()
    return alarm_place(access, summary, book, wish) | {
        "sections": sections,
        "wish": wish,
        "bands": [(band, LETTERS[band], BAND_WORDS[band]) for band in BANDS],
        "states": STATE_WORDS,
        "areas": sorted({row.area for row in rows if row.area})[:MAX_CHOICES],
        "assets": sorted({row.asset for row in rows if row.asset})[:MAX_CHOICES],
        "list_query": wish.query(view="list"),
        "unit_query": wish.query(view="unit"),
        "all_query": Wish(view=wish.view).query(),
        "flood": book.flood.on,
        "rolled": not wish.view and not wish.narrows,
        "together": list(dict.fromkeys(together))[:MAX_ACKS],
        "most_together": MAX_ACKS,
        "acts_at": reverse("alarms:acknowledge", args=[slug]),
    }


def alarm_place(access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish) -> dict[str, Any]:
    """What every page of alarms that shows the list, or a part of it, has."""
    slug, current = access.site.slug, is_current(summary, book)
    return page_context(access, summary, wish=wish) | {
        "nonce": new_nonce(),
        "may_ack": access.allows("alarm:ack"),
        "may_shelve": access.allows("alarm:shelve"),
        "asking_href": f"{reverse('screens:ask-for-access')}?site={slug}",
        "none": book.reason if book.state == "none" else "",
        "unknown": NOT_KNOWN if book.state == "unknown" else "",
        "alarms_stale": not current,
        "stale": not current,
        "has_readings": bool(book.rows),
        "trouble": "" if current else _("The alarm list is not current."),
    }


def page_context(access: SiteAccess, summary: LinkSummary, *, wish: Wish = BANNER_ALONE, **more: Any) -> dict[str, Any]:
    """Around every page of alarms: the strip, and the banner, which are live. What else the page shows may be of the
    moment at which it was asked for; then no ``wish`` is given, and the banner alone is followed."""
    slug = access.site.slug
    return place_context(access, summary) | {
        "live_path": f"/ws/sites/{slug}/alarms/{live_query(wish)}",
        "slug": slug,
        "empty": False,
        **more,
    }


def live_query(wish: Wish) -> str:
    """Of the socket: the wish, and the language of the page where it is not the one that the list has by itself."""
    query, language = wish.query(), get_language() or settings.LANGUAGE_CODE
    if language == settings.LANGUAGE_CODE:
        return query
    return f"{query}{'&' if query else '?'}{urlencode({'lang': language})}"


def show_sections(
    access: SiteAccess, summary: LinkSummary, book: AlarmBook, wish: Wish, names: Mapping[str, str]
) -> tuple[ShownSection, ...]:
    zone = zoneinfo.ZoneInfo(access.site.time_zone)
    current, down = is_current(summary, book), down_sources(summary)
    may_ack = access.allows("alarm:ack") and not wish.one

    def draw(name: str) -> str:
        row = book.rows[name]
        stale = not current or row.source in down
        who = person_words(row.by, names)
        return draw_row(row, access.site, zone, summary.agent_time, may_ack=may_ack, who=who, stale=stale)

    sections = sections_of(book, wish)
    return tuple(ShownSection(section, tuple(draw(name) for name in section.ids)) for section in sections)


def acknowledgers(book: AlarmBook, wish: Wish) -> set[str]:
    """Who acknowledged what the list shows."""
    shown = (book.rows[name] for section in sections_of(book, wish) for name in section.ids)
    return {row.by for row in shown if row.by}


def person_words(by: str, names: Mapping[str, str]) -> str:
    """Who did something: a name that the web app knows, else what the plant wrote."""
    return names.get(by) or plain(by, 60)


def names_in_trail(rows: Iterable[AlarmRow | None]) -> str:
    """The alarms of one wish as the subject of an event."""
    names = [row.name if row is not None else "" for row in rows]
    first = plain(names[0], 100) if names else ""
    more = len(names) - 1
    return first if more < 1 else f"{first} and {more} more"  # the trail has one language
