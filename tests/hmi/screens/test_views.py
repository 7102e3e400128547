"""The pages over a real site (relay, agent, a source in memory). Alice operates, Bob audits, Charlie is a stranger."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings as django_settings
from django.test import AsyncClient
from django.utils import timezone

from accounts.audit.models import Event
from hmi.ingest.links import close_links
from hmi.live.demand import provider
from hmi.sites.gateway import get_gateway
from relay_bridge.contract.readings import BAD_NOT_CONNECTED
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person, asign_in

PAGES = ("/sites/north/", "/sites/north/tanks/TK-101/", "/sites/north/?order=abnormal")
HTMX = {"HX-Request": "true"}


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


class Visitor(AsyncClient):
    """A client that gives each request a thread of its own, as the ASGI handler of a running web app does.

    Without it the request holds the one thread in which background work looks into the database.
    """

    async def request(self, **request: Any) -> Any:
        async with ThreadSensitiveContext():
            return await super().request(**request)


async def signed_in(user: Any) -> AsyncClient:
    client = Visitor()
    session = await asign_in(user)
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
    return client


async def client_of(name: str, role: str | None, terminal: Terminal) -> AsyncClient:
    user = await amake_person(name)
    if role is not None:
        await agive(user, role, terminal.site)
    return await signed_in(user)


@pytest_asyncio.fixture
async def alice(terminal: Terminal) -> AsyncClient:
    return await client_of("alice", "field-operator", terminal)


@pytest_asyncio.fixture
async def bob(terminal: Terminal) -> AsyncClient:
    return await client_of("bob", "auditor", terminal)


@pytest_asyncio.fixture
async def charlie(terminal: Terminal) -> AsyncClient:
    return await client_of("charlie", None, terminal)


def shown(page: str, tag: str) -> str:
    found = re.search(rf'data-tag="{re.escape(tag)}"[^>]*>([^<]*)<', page)
    assert found is not None, tag
    return found[1]


def is_stale(page: str, tag: str) -> bool:
    found = re.search(rf'<span class="num" data-tag="{re.escape(tag)}"[^>]*>', page)
    assert found is not None, tag
    return " data-stale" in found[0]


async def text_of(client: AsyncClient, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers or None)
    assert answer.status_code == 200, (path, answer.status_code)
    return answer.content.decode()


async def denied_text(client: AsyncClient, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 403, (path, answer.status_code)
    return answer.content.decode()


async def test_operator_sees_the_sites_levels(alice: AsyncClient) -> None:
    page = await text_of(alice, "/sites/north/")
    assert shown(page, "TK-101.level") == "12.500"
    assert not is_stale(page, "TK-101.level")
    assert 'data-live="/ws/sites/north/"' in page
    assert 'href="/sites/north/tanks/TK-101/"' in page


async def test_tank_page_has_drawing_limits_and_socket(alice: AsyncClient) -> None:
    page = await text_of(alice, "/sites/north/tanks/TK-101/")
    assert shown(page, "TK-101.level") == "12.500"
    assert shown(page, "TK-101.flow") == "100.0"
    assert 'class="bar tank-drawing"' in page
    assert 'data-live="/ws/sites/north/tanks/TK-101/"' in page
    assert 'rel="next" href="/sites/north/tanks/TK-102/"' in page


async def test_my_sites_has_role_end_and_link(alice: AsyncClient) -> None:
    page = await text_of(alice, "/")
    assert "North Terminal" in page
    assert re.search(r"Field operator until \d", page)
    assert 'data-live="/ws/my-sites/"' in page


@pytest.mark.parametrize("path", [*PAGES, "/sites/elsewhere/", "/sites/north/units/TK-101/"])
async def test_stranger_gets_the_same_404_everywhere(charlie: AsyncClient, path: str) -> None:
    answer = await charlie.get(path)
    assert answer.status_code == 404
    assert "North" not in answer.content.decode()


async def test_strangers_list_is_empty(charlie: AsyncClient) -> None:
    page = await text_of(charlie, "/")
    assert "No site is open to you" in page
    assert "North" not in page


@pytest.mark.parametrize("path", ["/", *PAGES, "/sites/"])
async def test_nobody_is_sent_to_sign_in(terminal: Terminal, path: str) -> None:
    answer = await Visitor().get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/")


async def test_auditor_sees_the_link_and_no_value(bob: AsyncClient) -> None:
    page = await text_of(bob, "/sites/north/")
    assert "Your role here, Auditor, shows the state of the link only." in page
    assert "data-tag" not in page
    assert "TK-101" not in page
    denied = await denied_text(bob, "/sites/north/tanks/TK-101/")
    assert "Your role auditor at North Terminal does not allow this." in denied
    assert "TK-101" not in re.sub(r"/sites/north/tanks/TK-101/", "", denied)
    assert "Link state only" in await text_of(bob, "/")


@pytest.mark.parametrize("address", ["tanks/TK-999", "units/TK-101", "tanks/%3Cb%3E"])
async def test_asset_that_is_not_there_is_404(alice: AsyncClient, address: str) -> None:
    assert (await alice.get(f"/sites/north/{address}/")).status_code == 404


async def test_ended_grant_says_why_and_shows_nothing(alice: AsyncClient, terminal: Terminal) -> None:
    await text_of(alice, "/sites/north/")
    await revoke(terminal)
    for path in PAGES:
        page = await denied_text(alice, path)
        assert "Your access as field operator was withdrawn at" in page
        assert "data-tag" not in page
        assert 'href="/account/access/ask/?site=north&amp;role=field-operator"' in page
    part = await alice.get("/sites/north/?order=abnormal", headers=HTMX)
    assert (part.status_code, part.headers["HX-Refresh"]) == (403, "true")
    assert "was withdrawn at" in part.content.decode() and "<html" not in part.content.decode()


async def test_every_refused_page_is_an_event_and_a_missing_thing_is_none(
    alice: AsyncClient, charlie: AsyncClient, terminal: Terminal
) -> None:
    async def refusals() -> list[tuple[str, str, str, str]]:
        rows = Event.objects.filter(tag="site:page:refused").order_by("seq")
        return [(row.username, row.site, row.subject, json.loads(row.facts)["why"]) async for row in rows]

    await alice.get("/sites/north/tanks/TK-999/")
    assert await refusals() == []
    await charlie.get("/sites/north/")
    await charlie.get("/sites/nowhere/")
    await revoke(terminal)
    await alice.get("/sites/north/")
    assert await refusals() == [
        ("charlie", "", "north", "no-grant"), ("charlie", "", "nowhere", "no-grant"), ("alice", "north", "", "revoked"),
    ]  # fmt: skip


async def test_silent_site_shows_last_known_values_as_stale(alice: AsyncClient, terminal: Terminal) -> None:
    assert not is_stale(await text_of(alice, "/sites/north/"), "TK-101.level")
    await until_link_knows(terminal)
    await terminal.stop_agent()
    page = await text_of(alice, "/sites/north/")
    assert shown(page, "TK-101.level") == "12.500"
    assert is_stale(page, "TK-101.level")
    assert 'id="trouble"' in page
    assert re.search(r"stale \d+\ss", page)


async def test_site_that_was_never_heard_says_so(alice: AsyncClient, terminal: Terminal) -> None:
    await terminal.stop_agent()
    page = await text_of(alice, "/sites/north/")
    assert "Nothing of this site is known yet" in page
    assert " data-empty" in page
    assert "Nothing of this site is known yet" in await text_of(alice, "/sites/north/tanks/TK-101/")


async def test_bad_value_is_a_dash_with_the_word(alice: AsyncClient, terminal: Terminal) -> None:
    terminal.set("TK-101.level", 12.5, BAD_NOT_CONNECTED)
    page = await text_of(alice, "/sites/north/")
    assert shown(page, "TK-101.level") == "\u2014"
    assert "bad: not connected" in page


async def test_plant_text_is_text(alice: AsyncClient, terminal: Terminal) -> None:
    page = await text_of(alice, "/sites/north/?area=%3Cscript%3Ealert(1)%3C/script%3E&order=%22%3E%3Cimg%3E")
    assert "<script>alert" not in page
    assert "<img>" not in page


async def test_switch_by_htmx_answers_the_list_alone(alice: AsyncClient) -> None:
    part = await text_of(alice, "/sites/north/?order=abnormal", **HTMX)
    assert "<html" not in part
    assert '<div id="list">' in part
    assert 'hx-swap-oob="true"' in part
    back = await text_of(alice, "/sites/north/?order=abnormal", **HTMX, **{"HX-History-Restore-Request": "true"})
    assert "<html" in back
    cards = await text_of(alice, "/sites/", **HTMX)
    assert "<html" not in cards
    assert 'id="sites"' in cards
    assert "<html" in await text_of(alice, "/sites/")


async def test_page_asks_cheaply_whether_it_may_stay_open(alice: AsyncClient, terminal: Terminal) -> None:
    await terminal.stop_agent()
    assert (await alice.head("/sites/north/")).status_code == 200
    await revoke(terminal)
    assert (await alice.head("/sites/north/")).status_code == 403


@pytest.mark.parametrize("path", ["/", *PAGES])
async def test_pages_carry_the_headers_and_nothing_inline(alice: AsyncClient, path: str) -> None:
    answer = await alice.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    assert (await alice.post(path)).status_code in {403, 405}


async def until_link_knows(terminal: Terminal) -> None:
    """Until the site's link has readings of its own, as after a page whose socket is open."""
    link = provider().existing(terminal.site.id)
    assert link is not None
    watcher = Watching()
    link.attach(watcher)
    async with asyncio.timeout(10):
        await watcher.heard.wait()
    link.detach(watcher)


class Watching:
    """A watcher of every tag; it looks under the access of whoever was just on a page."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def wanted_tags(self, catalog: Any) -> list[str]:
        return [tag.id for tag in catalog.tags]

    def accesses(self) -> list[Any]:
        return []

    def readings_changed(self, tags: Any) -> None:
        self.heard.set()

    def link_changed(self) -> None: ...


async def revoke(terminal: Terminal) -> None:
    def end() -> None:
        for grant in terminal.site.grants.all():
            grant.revoked_at = timezone.now()
            grant.save()

    await sync_to_async(end)()
