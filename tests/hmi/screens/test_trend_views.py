"""Trends over a real site (relay, agent, its ring). Alice operates, Bob audits, Charlie is a stranger."""

from __future__ import annotations

import csv
import io
import json
import re

from asgiref.sync import sync_to_async
from django.test import AsyncClient

from hmi.sites.models import Grant
from hmi.trends import asking
from relay_bridge.agent.history.ring_store import Sample
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.screens.test_views import HTMX, alice, bob, charlie, terminal
from tests.hmi.screens.test_views import text_of as page_of

__all__ = ["alice", "bob", "charlie", "terminal"]  # fixtures
TREND = "/sites/north/trends/?tags=TK-101.level&span=1h"
MINUTE = 60_000


async def text_of(client: AsyncClient, path: str, **headers: str) -> str:
    """The page with its sentences whole: without the marks around names, and in one line."""
    return " ".join(re.sub(r"</?bdi[^>]*>", "", await page_of(client, path, **headers)).split())


async def past(terminal: Terminal) -> int:
    """Forty minutes of samples: a spike in the first bucket, ten bad minutes; answers their beginning (epoch ms)."""
    recorder = terminal.agent.site.recorder
    start = terminal.agent.site.clock.wall_ms() // MINUTE * MINUTE - 50 * MINUTE
    rows = [Sample("TK-101.level", start + 10_000 * step, 5.0 + step / 100, 0) for step in range(240)]
    rows[3] = rows[3]._replace(v=12.0)
    rows[60:120] = [row._replace(v=None, q=BAD_NO_COMMUNICATION) for row in rows[60:120]]
    await recorder.flush()
    await recorder._in_thread(lambda: recorder._store.append(rows, start + 40 * MINUTE))
    return start


async def test_the_picture_keeps_the_spike_and_draws_nothing_across_a_gap(
    alice: AsyncClient, terminal: Terminal
) -> None:
    await past(terminal)
    page = await text_of(alice, TREND)
    values = json.loads(re.search(r'data-values="([^"]*)"', page)[1])  # type: ignore[index]
    assert max(value for value in values[1] if value is not None) == 12.5, "the present value"
    assert 12.0 in values[1], "the spike"
    line = re.search(r'class="line pen-1" d="([^"]*)"', page)[1]  # type: ignore[index]
    assert line.count("M") >= 2, "the gap ends one stroke and begins another"
    assert 'class="mark-bad"' in page and " bad</li>" in page
    assert 'data-live="/ws/sites/north/tags/?tags=TK-101.level"' in page
    assert '<text x="100%"' in page and "HH" in page
    assert "style=" not in page and "<script>" not in page


async def test_numbers_stand_in_a_table_for_who_sees_no_picture(alice: AsyncClient, terminal: Terminal) -> None:
    await past(terminal)
    page = await text_of(alice, TREND)
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td></tr>', page)
    assert 9 <= len(rows) <= 13
    assert any("to 12.000<" in cell for _, cell in rows), "the spike"
    assert any("bad" in cell for _, cell in rows)


async def test_a_link_holds_tags_and_time_and_the_receivers_access_decides(
    alice: AsyncClient, bob: AsyncClient, charlie: AsyncClient
) -> None:
    page = await text_of(alice, TREND)
    here = re.search(r'data-here="([^"]*)"', page)[1]  # type: ignore[index]
    assert here == "/sites/north/trends/?tags=TK-101.level&amp;span=1h"
    for path in (TREND, "/sites/north/trends/values.csv?tags=TK-101.level", "/sites/north/trends/assets/TK-101/"):
        denied = await bob.get(path)
        assert denied.status_code == 403 and b"12.5" not in denied.content, path
        assert (await charlie.get(path)).status_code == 404, path
    assert "history" in (await bob.get(TREND)).content.decode()


async def test_kept_history_is_for_whoever_may_see_it_now(alice: AsyncClient, terminal: Terminal) -> None:
    await past(terminal)
    await text_of(alice, TREND)
    assert asking.get_historian().kept.total > 0
    grant = await Grant.objects.aget(user__username="alice")
    await sync_to_async(grant.revoke)()
    assert (await alice.get(TREND)).status_code == 403


async def test_a_silent_site_leaves_what_was_kept_marked_with_its_time(alice: AsyncClient, terminal: Terminal) -> None:
    await past(terminal)
    assert 'class="line pen-1"' in await text_of(alice, TREND)
    await terminal.stop_agent()
    part = await text_of(alice, TREND, **HTMX)
    assert part.startswith('<section class="trend"') and 'class="line pen-1" d="M' in part
    assert "North Terminal did not answer" in part and "This is what was kept, up to" in part
    assert 'class="mark-unknown"' in part and " not received</li>" in part
    small = await text_of(alice, "/sites/north/trends/assets/TK-101/")
    assert "did not answer" in small or "No history came" in small


async def test_tank_page_has_the_last_eight_hours_without_a_script(alice: AsyncClient, terminal: Terminal) -> None:
    await past(terminal)
    page = await text_of(alice, "/sites/north/tanks/TK-101/")
    assert "Last 8 h" in page and 'class="band pen-1" d="M' in page
    assert 'href="/sites/north/trends/?tags=TK-101.level&amp;span=8h"' in page


async def test_csv_is_what_is_shown_with_zone_and_quality(alice: AsyncClient, terminal: Terminal) -> None:
    await past(terminal)
    answer = await alice.get("/sites/north/trends/values.csv?tags=TK-101.level&span=1h")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="north-trend.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert {row["time_zone"] for row in rows} == {"Europe/Oslo"} and rows[0]["from"].endswith(("+01:00", "+02:00"))
    assert {"good", "bad", "no data"} <= {row["quality"] for row in rows}
    spike = next(row for row in rows if row["maximum"] == "12.000")
    assert spike["unit"] == "m" and spike["name"] == "TK-101 Level" and spike["source"] == "recorded by the site agent"


async def test_what_the_address_has_too_much_or_wrong_is_said(alice: AsyncClient) -> None:
    many = ",".join(f"TK-{number}.level" for number in range(101, 120))
    assert "8 pens at most" in await text_of(alice, f"/sites/north/trends/?tags={many}")
    page = await text_of(alice, "/sites/north/trends/?tags=TK-999.level&from=now&to=2026-11-23T14:00")
    assert "This site has no tag TK-999.level." in page and "A time is written like" in page
    hostile = await text_of(alice, "/sites/north/trends/?tags=%3Cscript%3E,TK-101.level&find=%22%3E%3Cimg")
    assert "<script>" not in hostile and "<img" not in hostile
    assert "TK-102 Level" in await text_of(alice, "/sites/north/trends/?find=102+level")
