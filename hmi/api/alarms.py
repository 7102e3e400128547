"""Present alarms of a site: the list as the site's link keeps it, or the last known one marked stale."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import msgspec
from django.http import HttpRequest

from hmi.api import shapes
from hmi.api.access import Caller
from hmi.api.guard import endpoint
from hmi.api.parameters import MAX_CURSOR, Query
from hmi.api.problems import no_such_page, not_served, unreachable
from hmi.api.sites import PAGING
from hmi.live.alarm_book import importance
from hmi.live.first_paint import alarm_book, link_summary
from relay_bridge.contract.alarms import AlarmRow, band_of

WAIT = 3.0  # seconds for the list to come
PRIORITIES: dict[str, shapes.Priority] = {"crit": "critical", "high": "high", "med": "medium", "low": "low"}
_BANDS: dict[str, str] = {words: band for band, words in PRIORITIES.items()}
VALUES = "data:live"
Place = tuple[int, int, int, str]  # ``importance`` of the last alarm of a page


@endpoint("alarm:read")
async def alarms(request: HttpRequest, caller: Caller) -> shapes.Alarms:
    """The alarms that stand, the highest priority first and then the newest."""
    query = Query(request, PAGING | {"area", "asset", "priority"})
    area, asset = query.area(), query.identifier("asset")
    priority = query.choice("priority", tuple(_BANDS))
    query.limit()  # what is wrong with the question is told before the site is waited for
    read_place(query.text("cursor"), f"{area} {asset} {priority}")
    caller.need(VALUES)  # the list comes with the stream of values
    book = await alarm_book(caller.access, WAIT)
    summary = link_summary(caller.access)
    if book.state == "none":
        raise not_served(f"The agent at {caller.access.site.name} does not serve alarms: {book.reason}")
    if book.state == "unknown":
        reason = summary.link.reason if summary.link is not None else ""
        raise unreachable(f"The alarms of {caller.access.site.name} are not known yet. {reason}".strip())
    fitting = [
        row
        for row in sorted(book.rows.values(), key=importance)
        if (area is None or row.area == area)
        and (asset is None or row.asset == asset)
        and (priority is None or band_of(row.sev) == _BANDS[priority])
    ]
    rows, cursor = page_after(fitting, query.text("cursor"), query.limit(), f"{area} {asset} {priority}")
    current = summary.live and book.state == "current"
    down = {source for source, state in summary.sources.items() if state.code != 0}
    return shapes.Alarms(
        items=[_show(row, stale=not current or row.source in down) for row in rows],
        next_cursor=cursor,
        counts=shapes.AlarmCounts(
            critical=book.counts.crit,
            high=book.counts.high,
            medium=book.counts.med,
            low=book.counts.low,
            unacknowledged=book.counts.unack,
            shelved=book.counts.shelved,
        ),
        answered_at=shapes.moment(summary.agent_time),
        origin="site" if current else "last_known",
    )


def _show(row: AlarmRow, *, stale: bool) -> shapes.Alarm:
    return shapes.Alarm(
        id=row.id,
        occurrence=row.eid,
        name=row.name,
        condition=row.cond,
        severity=row.sev,
        priority=PRIORITIES[band_of(row.sev)],
        active=row.act,
        acknowledged=row.ack,
        tag=row.tag,
        asset=row.asset,
        area=row.area,
        message=row.msg,
        active_since=shapes.moment(row.t_act) if row.t_act else None,
        cleared_at=shapes.moment(row.t_clr) if row.t_clr else None,
        shelved=bool(row.shelf),
        suppressed=row.suppressed,
        made_by_agent=row.agent,
        earlier_occurrence=row.branch,
        stale=stale,
        quality=row.quality,
    )


def page_after(
    rows: Sequence[AlarmRow], cursor: str | None, limit: int, asked: str
) -> tuple[Sequence[AlarmRow], str | None]:
    """The page of ``rows`` (in the order of ``importance``) after the place that ``cursor`` names, and the next cursor.

    A place in the order and no number of a row: alarms come, go and change between two pages, and what stays as it is
    comes exactly once. What became active or cleared meanwhile is newer, so it stands on an earlier page. ``asked``
    tells one question from another; a cursor of another one is refused.
    """
    place = read_place(cursor, asked)
    rest = [row for row in rows if place is None or importance(row) > place]
    page = rest[:limit]
    return page, _make_cursor(importance(page[-1]), asked) if len(page) < len(rest) else None


def read_place(cursor: str | None, asked: str) -> Place | None:
    """Where the page before ended; ``None`` for the first page. Refuses what is no cursor of this question."""
    if cursor is None:
        return None
    if not cursor or len(cursor) > MAX_CURSOR or not cursor.isascii():
        raise no_such_page()
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, place = msgspec.json.decode(data, type=tuple[str, Place])
    except (ValueError, msgspec.MsgspecError):
        raise no_such_page() from None
    if digest != _digest(asked):
        raise no_such_page()
    return place


def _make_cursor(place: Place, asked: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((_digest(asked), place))).decode().rstrip("=")


def _digest(asked: str) -> str:
    return hashlib.sha256(asked.encode()).hexdigest()[:12]
