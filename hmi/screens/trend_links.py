"""The addresses of a trend. They hold tags and the stretch of time and nothing else, so anybody may be sent one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from django.urls import reverse

from hmi.trends.windows import LONGEST, ROOM, SHORTEST, SPAN_WORDS, SPANS, USUAL_SPAN, NoWindow, Window, between


@dataclass(frozen=True)
class SpanLink:
    text: str
    href: str
    chosen: bool


@dataclass(frozen=True)
class TrendLinks:
    """An empty address: that way it does not go."""

    spans: tuple[SpanLink, ...]
    earlier: str
    later: str
    closer: str
    wider: str
    here: str
    csv: str


def trend_address(slug: str, tags: Sequence[str], span: str = USUAL_SPAN) -> str:
    return _address("screens:trends", slug, tags, {"span": span})


def stretch_address(slug: str, tags: Sequence[str], window: Window) -> str:
    """The same stretch of time with these tags."""
    return _address("screens:trends", slug, tags, _own(window))


def trend_links(slug: str, tags: Sequence[str], window: Window, now: int) -> TrendLinks:
    """``now`` in epoch ms."""
    length = window.end - window.start
    middle = window.start + length // 2

    def link(start: int, end: int) -> str:
        room = now + length // ROOM
        if start >= now:
            return ""
        try:
            there = between(start, min(end, room), now)
        except NoWindow:
            return ""
        return _address("screens:trends", slug, tags, _stretch(there))

    if window.follows:
        closer, wider = (window.end - length // 2, window.end), (window.end - 2 * length, window.end)
    else:
        closer, wider = (middle - length // 4, middle + length // 4), (middle - length, middle + length)
    reaches_now = window.end >= now
    return TrendLinks(
        spans=tuple(
            SpanLink(str(SPAN_WORDS[span]), trend_address(slug, tags, span), span == window.span) for span in SPANS
        ),
        earlier=link(window.start - length // 2, window.end - length // 2),
        later="" if reaches_now else link(window.start + length // 2, window.end + length // 2),
        closer=link(*closer) if length // 2 >= SHORTEST else "",
        wider=link(*wider) if 2 * length <= LONGEST else "",
        here=stretch_address(slug, tags, window),
        csv=_address("screens:trend-csv", slug, tags, _own(window)),
    )


def _address(name: str, slug: str, tags: Sequence[str], more: dict[str, str]) -> str:
    query = ({"tags": ",".join(tags)} if tags else {}) | more
    return f"{reverse(name, args=[slug])}?{urlencode(query, safe=',:')}"


def _own(window: Window) -> dict[str, str]:
    return {"span": window.span} if window.span else _stretch(window)


def _stretch(window: Window) -> dict[str, str]:
    return {"from": iso_text(window.start), "to": iso_text(window.end)}


def iso_text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
