"""Alarms over the API: a real one of a real site, and pages that stay right while the list changes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from hmi.api.alarms import page_after
from hmi.api.problems import Problem
from hmi.ingest.links import close_links
from hmi.live.alarm_book import importance
from hmi.live.demand import provider
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.alarms import AlarmRow
from tests.hmi.alarms.rows import alarm
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    """TK-103 stands above its high limit."""
    running = Terminal(tmp_path / "terminal")
    running.tanks, running.alarms = [101, 103], True
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


async def test_alarm_of_a_site_its_pages_and_what_is_stale(api: httpx.AsyncClient, terminal: Any) -> None:
    answer = await api.get("/sites/north/alarms")
    assert answer.status_code == 200, answer.text
    (only,) = answer.json()["items"]
    assert (only["tag"], only["priority"], only["active"], only["stale"]) == ("TK-103.level", "high", True, False)
    assert answer.json()["origin"] == "site" and answer.json()["counts"]["unacknowledged"] == 1
    terminal.set("TK-101.level", 14.5)  # above both of its limits
    book = provider().link(terminal.site).alarms
    await eventually(lambda: any(row.sev > 800 for row in book.rows.values()))
    first = (await api.get("/sites/north/alarms", params={"limit": "1"})).json()
    assert first["items"][0]["name"].startswith("TK-101") and first["next_cursor"]
    # Between the pages the list changes: the cursor still leads on, and nothing comes twice.
    revision = book.revision
    terminal.set("TK-103.level", 13.6)
    terminal.set("TK-101.level", 5.0)
    await eventually(lambda: book.revision > revision)
    second = await api.get("/sites/north/alarms", params={"limit": "9", "cursor": first["next_cursor"]})
    assert second.status_code == 200, second.text
    rest = [item["id"] for item in second.json()["items"]]
    assert only["id"] in rest and first["items"][0]["id"] not in rest and second.json()["next_cursor"] is None
    other = {"limit": "9", "cursor": first["next_cursor"], "priority": "high"}
    assert (await api.get("/sites/north/alarms", params=other)).status_code == 404, "a cursor of another question"
    await terminal.stop_agent()
    await eventually(lambda: book.state == "old")
    old = (await api.get("/sites/north/alarms")).json()
    assert old["origin"] == "last_known" and all(item["stale"] for item in old["items"])


def walk(lists: list[list[AlarmRow]], limit: int) -> list[str]:
    """Page by page, with another list for each page."""
    seen: list[str] = []
    cursor = None
    for rows in lists:
        page, cursor = page_after(sorted(rows, key=importance), cursor, limit, "all")
        seen += [row.id for row in page]
        if cursor is None:
            break
    return seen


def test_alarms_that_stay_come_once_whatever_comes_and_goes_between_pages() -> None:
    rows = [alarm(number, 900 if number % 3 else 500) for number in range(1, 40)]
    new = [alarm(number, 950, t_act=rows[0].t_act + number) for number in range(50, 60)]
    lists = [rows, new + rows[5:], rows[8:] + new, rows[8:], rows[8:]]
    seen = walk(lists, 10)
    assert len(seen) == len(set(seen))
    assert {row.id for row in rows[8:]} <= set(seen)


def test_page_that_ends_with_the_list_has_no_cursor() -> None:
    rows = sorted([alarm(1), alarm(2)], key=importance)
    assert page_after(rows, None, 2, "all")[1] is None and page_after([], None, 2, "all") == ([], None)


@pytest.mark.parametrize("cursor", ["", "nonsense", "W10", "x" * 300, "WyJhIixbMSwyLDNdXQ", "å"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Problem):
        page_after([alarm(1)], cursor, 2, "all")


def test_cursor_holds_no_more_than_a_place() -> None:
    rows = [alarm(number, id=secrets.token_hex(20)) for number in range(3)]
    rows.sort(key=importance)
    cursor = page_after(rows, None, 1, "all")[1]
    assert cursor is not None and len(cursor) <= 200
