"""Present alarms of a site: the list as the site's link keeps it, or the last known one marked stale."""

from __future__ import annotations

from django.http import HttpRequest

from hmi.api import shapes
from hmi.api.access import Caller
from hmi.api.guard import endpoint
from hmi.api.parameters import Query
from hmi.api.problems import not_served, unreachable
from hmi.api.sites import PAGING
from hmi.live.alarm_book import importance
from hmi.live.first_paint import alarm_book, link_summary
from relay_bridge.contract.alarms import AlarmRow, band_of

WAIT = 3.0  # seconds for the list to come
PRIORITIES: dict[str, shapes.Priority] = {"crit": "critical", "high": "high", "med": "medium", "low": "low"}
_BANDS: dict[str, str] = {words: band for band, words in PRIORITIES.items()}
VALUES = "data:live"


@endpoint("alarm:read")
async def alarms(request: HttpRequest, caller: Caller) -> shapes.Alarms:
    """The alarms that stand, the highest priority first and then the newest."""
    query = Query(request, PAGING | {"area", "asset", "priority"})
    area, asset = query.area(), query.identifier("asset")
    priority = query.choice("priority", tuple(_BANDS))
    query.limit()
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
    rows, cursor = query.page(fitting, f"alarms {book.revision} {area or ''} {asset or ''} {priority or ''}"[:120])
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
    )
