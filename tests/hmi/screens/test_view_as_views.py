"""Looking at a site as another person, over a real site: their screens, no right of theirs, no word in their name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.test import AsyncClient
from django.utils import timezone

from hmi.ingest.links import close_links
from hmi.sites.gateway import get_gateway
from hmi.sites.models import SiteAccessToken, ViewAs
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person
from tests.hmi.screens.test_views import shown, signed_in

HERE = "/view-as/"
TANK = "/view-as/tanks/TK-101/"
MOVING = re.compile(r'data-tag="[^"]*"[^>]*>-?\d')  # a number where a value stands


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


async def administrator(terminal: Terminal, role: str | None = None) -> AsyncClient:
    dora = await amake_person("dora", is_staff=True)
    codes = ["view_as", "view_grant"]
    await sync_to_async(
        lambda: dora.user_permissions.set(
            Permission.objects.filter(codename__in=codes, content_type__app_label="sites")
        )
    )()
    if role is not None:
        await agive(dora, role, terminal.site)
    return await signed_in(dora)


async def look_as(client: AsyncClient, terminal: Terminal, username: str, role: str | None) -> None:
    person = await amake_person(username)
    if role is not None:
        await agive(person, role, terminal.site)
    answer = await client.post("/admin/sites/grant/view-as/", {"person": username, "site": terminal.site.slug})
    assert answer["Location"] == HERE


async def text_of(client: AsyncClient, address: str, status: int = 200, **headers: Any) -> str:
    answer = await client.get(address, **headers)
    assert answer.status_code == status, address
    return answer.content.decode()


async def test_shows_the_persons_screens_with_values_that_the_administrator_may_see(terminal: Terminal) -> None:
    client = await administrator(terminal, "viewer")
    await look_as(client, terminal, "bob", "field-operator")

    page = await text_of(client, HERE)
    assert "You look at" in page
    assert "as bob, field operator." in page
    assert "Field operator until" in page  # the person's role, not the administrator's
    assert MOVING.search(page)
    assert f'href="{TANK}"' in page
    assert f'href="/sites/{terminal.site.slug}/tanks' not in page
    assert "data-live" not in page
    assert "js/live.js" not in page
    tank = await text_of(client, TANK)
    assert shown(tank, "TK-101.level")
    assert 'href="/view-as/"' in tank
    assert "Stop looking as bob" in tank
    switched = await text_of(client, f"{HERE}?order=abnormal", headers={"HX-Request": "true"})
    assert "<html" not in switched
    # What was asked of the site was asked under the administrator's own grant.
    users = await sync_to_async(lambda: set(SiteAccessToken.objects.values_list("grant__user__username", flat=True)))()
    assert users == {"dora"}


@pytest.mark.parametrize("own_role", [None, "site-administrator"])
async def test_lends_no_right_to_see_values(terminal: Terminal, own_role: str | None) -> None:
    client = await administrator(terminal, own_role)
    await look_as(client, terminal, "bob", "viewer")
    page = await text_of(client, HERE)
    assert "Values are left out" in page
    assert "What the site consists of is known only while" in page
    assert not await SiteAccessToken.objects.aexists()  # nobody asked the site anything

    alice = await amake_person("alice")
    await agive(alice, "viewer", terminal.site)
    hers = await text_of(await signed_in(alice), f"/sites/{terminal.site.slug}/")
    assert MOVING.search(hers)
    async with asyncio.timeout(10):  # her page's link learns what the site consists of
        while "TK-101" not in page:
            await asyncio.sleep(0.05)
            page = await text_of(client, HERE)
            assert not MOVING.search(page)
    assert "TK-101" in await text_of(client, TANK)
    assert not MOVING.search(await text_of(client, TANK))
    assert "Values are left out" in page


async def test_role_without_values_sees_the_link_alone(terminal: Terminal) -> None:
    client = await administrator(terminal, "viewer")
    await look_as(client, terminal, "bob", "auditor")
    page = await text_of(client, HERE)
    assert "Auditor, shows the state of the link only" in page
    assert not MOVING.search(page)
    await text_of(client, TANK, 404)


async def test_person_without_access_sees_nothing_and_the_page_says_why(terminal: Terminal) -> None:
    client = await administrator(terminal, "viewer")
    await look_as(client, terminal, "charlie", None)
    page = await text_of(client, HERE)
    assert "charlie sees nothing of" in page
    assert "charlie has no grant at" in page
    await text_of(client, TANK, 404)


async def test_reads_only_and_ends_by_button(terminal: Terminal) -> None:
    client = await administrator(terminal, "viewer")
    await look_as(client, terminal, "bob", "viewer")
    for method in ("post", "put", "patch", "delete"):
        for address in (HERE, TANK):
            assert (await getattr(client, method)(address)).status_code == 405
    assert (await client.get("/view-as/end/")).status_code == 405
    answer = await client.post("/view-as/end/")
    assert (answer.status_code, answer["Location"]) == (303, "/admin/sites/grant/why/?person=bob&site=north")
    for address in (HERE, TANK):
        assert "is over" in await text_of(client, address, 403)
    assert (await client.post("/view-as/end/")).status_code == 303


async def test_ends_after_a_quarter_of_an_hour(terminal: Terminal) -> None:
    client = await administrator(terminal, "viewer")
    await look_as(client, terminal, "bob", "viewer")
    await ViewAs.objects.aupdate(ends_at=timezone.now())
    assert "is over" in await text_of(client, HERE, 403)
    assert (await ViewAs.objects.aget()).ended_at is not None


async def test_for_everybody_else_there_is_no_such_page(terminal: Terminal) -> None:
    bob = await amake_person("bob")
    await agive(bob, "field-operator", terminal.site)
    client = await signed_in(bob)
    for address in (HERE, TANK, "/view-as/units/P-201/"):
        await text_of(client, address, 404)
    assert (await client.post("/view-as/end/")).status_code == 404
    assert (await AsyncClient().get(HERE)).status_code == 302
