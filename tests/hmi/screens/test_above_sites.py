"""Strip and alarm banner on pages that show no values, over a real site: for whom, with what, and by which socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from django.test import AsyncClient

from accounts.models import Role
from hmi.ingest.links import close_links
from hmi.sites.gateway import get_gateway
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.conftest import person
from tests.hmi.live.phone import Phone
from tests.hmi.screens.test_views import client_of, text_of

ABOVE = (
    "/search/", "/favourites/", "/account/access/", "/account/access/ask/?site=north", "/account/sign-ins/",
    "/account/password/", "/account/preferences/", "/account/factors/", "/oauth/", "/oauth/device/", "/set-up/",
)  # fmt: skip
HERE = (
    "/sites/north/notes/", "/sites/north/notes/assets/TK-103/", "/sites/north/lists/",
    "/sites/north/lists/add/?asset=TK-103", "/favourites/north/TK-103/",
)  # fmt: skip
WITH_ALARMS = ("/sites/north/shifts/", "/sites/north/shifts/new/")
LINES = "/ws/my-sites/?view=lines"
BANNER, ALARM = 'id="alarm-banner"', "TK-103 Level high"


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    running.alarms, running.tanks = True, [101, 103]
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


async def make_role(scopes: str) -> None:
    await Role.objects.acreate(name="watch", slug="watch", scopes=scopes, default_days=7)


def socket_of(page: str) -> str:
    found = re.search(r'data-live="([^"]*)"', page)
    return found[1] if found else ""


async def with_alarm(client: AsyncClient) -> None:
    async with asyncio.timeout(20):
        while ALARM not in await text_of(client, "/sites/north/alarms/"):
            await asyncio.sleep(0.05)


async def test_every_page_is_drawn_with_the_alarm_that_waits(terminal: Terminal) -> None:
    alice = await client_of("alice", "shift-supervisor", terminal)
    await with_alarm(alice)
    for path in ("/", *ABOVE, *HERE, *WITH_ALARMS):
        page = await text_of(alice, path)
        assert page.count(BANNER) == 1 and page.count('id="strip"') == 1, path
        assert f"<bdi data-banner-text>{ALARM}</bdi>" in page, path
        assert 'href="/sites/north/alarms/"' in page, path
        above = path in ABOVE
        assert socket_of(page) == (LINES if above else "/ws/my-sites/" if path == "/" else
                                   "/ws/sites/north/alarms/?view=banner"), path  # fmt: skip
        assert ("js/all_sites.js" in page) is (above or path == "/"), path
        assert "not live without JavaScript" in page, path


async def test_values_without_alarms_give_the_strip_alone(terminal: Terminal) -> None:
    await make_role("status:read data:live note:write")
    bob = await client_of("bob", "watch", terminal)
    await with_alarm(await client_of("alice", "field-operator", terminal))
    for path in ("/", *ABOVE, *HERE):
        page = await text_of(bob, path)
        assert 'id="strip"' in page and socket_of(page), path
        assert BANNER not in page and ALARM not in page and "all_sites" not in page, path
    assert socket_of(await text_of(bob, HERE[0])) == "/ws/sites/north/tags/"
    watcher = await person("carol", "watch", terminal.site)
    for path in (LINES, "/ws/sites/north/tags/"):
        phone = Phone(path, watcher.session)
        assert await phone.connect()
        await phone.until(lambda frame: frame["k"] == "h")
        assert not any("al" in frame for frame in phone.frames)
        assert not any("al" in line for frame in phone.frames for line in frame.get("sites", {}).values())
        await phone.leave()


@pytest.mark.parametrize("role", ["auditor", None])
async def test_who_sees_no_values_gets_no_banner(terminal: Terminal, role: str | None) -> None:
    await with_alarm(await client_of("alice", "field-operator", terminal))
    client = await client_of("bob", role, terminal)
    for path in ABOVE:
        page = await text_of(client, path)
        assert 'id="strip"' in page and BANNER not in page and ALARM not in page, path
    shut = await client.get(HERE[0])
    assert shut.status_code == (403 if role else 404)
    page = shut.content.decode()
    assert BANNER not in page and "Live since" not in page


async def test_a_refused_page_has_the_strip_of_an_open_site_and_stays_on_no_phone(terminal: Terminal) -> None:
    alice = await client_of("alice", "field-operator", terminal)
    await with_alarm(alice)
    await make_role("status:read data:live")
    bob = await client_of("bob", "watch", terminal)
    refused = await bob.get("/sites/north/alarms/")  # a page that may be kept
    page = refused.content.decode()
    assert refused.status_code == 403
    assert socket_of(page) == "/ws/sites/north/tags/" and "North Terminal: " in page and BANNER not in page
    assert 'data-keep="none"' in page and "data-keeps" not in page


async def test_a_refused_form_keeps_what_was_typed_under_strip_and_banner(terminal: Terminal) -> None:
    alice = await client_of("alice", "field-operator", terminal)
    await with_alarm(alice)
    notes = "/sites/north/notes/assets/TK-103/"
    assert "data-here" not in await text_of(alice, notes)
    answer = await alice.post(f"{notes}write/", {"text": "Valve 3 drips " * 1000})
    page = answer.content.decode()
    assert answer.status_code == 400 and "Valve 3 drips Valve 3 drips" in page
    assert f"<bdi data-banner-text>{ALARM}</bdi>" in page and f'data-here="{notes}"' in page


async def test_nobody_signed_in_has_neither(terminal: Terminal) -> None:
    nobody = AsyncClient()
    for path in ("/sign-in/", "/offline/"):
        page = await text_of(nobody, path)
        assert BANNER not in page and not socket_of(page), path


async def test_the_lean_socket_tells_of_alarms_and_of_no_favourite(terminal: Terminal) -> None:
    alice = await client_of("alice", "field-operator", terminal)
    await alice.post("/favourites/star/", {"site": "north", "kind": "asset", "target": "TK-103", "on": "1"})
    for path, has_values in ((LINES, False), ("/ws/my-sites/", True)):
        phone = Phone(path, alice.session)
        assert await phone.connect()
        await phone.until(
            lambda frame: frame.get("sites", {}).get("north", {}).get("al", {}).get("top", ["", ""])[1] == ALARM
        )
        assert any("fav" in frame for frame in phone.frames) is has_values
        await phone.leave()
