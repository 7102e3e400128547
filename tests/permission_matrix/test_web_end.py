"""The web app's own doors, for every role: pages, live sockets and the gateway ask what the agent asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.http import Http404
from django.test import AsyncClient
from django.urls import reverse

from hmi.bridge_settings import BridgeSettings
from hmi.ingest.links import close_links
from hmi.screens.urls import urlpatterns
from hmi.sites.access import aget_site_for, asites_for
from hmi.sites.errors import SiteRefused
from hmi.sites.gateway import Gateway, get_gateway
from hmi.sites.models import Site
from relay_bridge.contract.scopes import SCOPE_OF_METHOD
from tests.hmi.live.phone import Phone
from tests.hmi.sites.running_site import RunningSite, run_relay, run_site
from tests.permission_matrix.two_ends import ROLES, TAG, person_with, prepare_web_app

pytestmark = pytest.mark.django_db(transaction=True)

# What each page and socket of a site needs. Pages without a site in their address show sites one has a grant at.
PAGES: dict[str, str] = {
    "screens:site": "status:read",
    "screens:tank": "data:live",
    "screens:unit": "data:live",
    "screens:asset-alarms": "alarm:read",
    "screens:choose-tags": "data:live",
    "screens:label": "data:live",
    "screens:trends": "data:history",
    "screens:trend-csv": "data:history",
    "screens:asset-trend": "data:history",
    "screens:actions": "data:live",
    "screens:setpoint": "setpoint:write",
    "screens:command": "command:execute",
}
WITHOUT_ASSET = {"screens:site", "screens:trends", "screens:trend-csv", "screens:actions"}
# Of one change, under a key that only its two people know: tests/hmi/controls/test_attacks.py asks them as strangers.
OF_ONE_CHANGE = {
    f"screens:{kind}-{step}"
    for kind in ("setpoint", "command")
    for step in ("change", "send", "agree", "put-away", "ask-again")
}
SOCKETS: dict[str, str] = {
    "/ws/sites/{slug}/": "data:live",
    "/ws/sites/{slug}/tanks/TK-101/": "data:live",
    "/ws/sites/{slug}/units/P-1/": "data:live",
}
CALLS = ("catalog", "read")


@pytest.fixture(autouse=True)
def bridge(settings: Any, tmp_path: Path) -> None:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")


@pytest_asyncio.fixture
async def north(tmp_path: Path, transactional_db: None) -> AsyncIterator[RunningSite]:
    """North runs; South is a row without an agent, and nobody has a grant there."""
    await sync_to_async(prepare_web_app)()
    async with run_relay() as relay, run_site(relay, tmp_path) as site:
        await Site.objects.acreate(slug="south", name="South")
        yield site
        await close_links()
        await get_gateway().close()


async def test_pages_and_sockets_open_for_exactly_the_roles_with_their_scope(north: RunningSite) -> None:
    for role in ROLES:
        user, session = await sync_to_async(person_with)(role, [north.site])
        client = AsyncClient()
        client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
        access = await aget_site_for(user, "north", session=session)
        for slug in ("north", "south", "nowhere"):
            for page, scope in PAGES.items():
                arguments = [slug] if page in WITHOUT_ASSET else [slug, "TK-101"]
                # HEAD: the same question to the access layer, without asking the site.
                status = (await client.head(reverse(page, args=arguments))).status_code
                shut = 403 if slug == "north" else 404  # who has a grant there may read why it is shut
                opened = slug == "north" and access.allows(scope)
                assert status == (200 if opened else shut), (role, slug, page)
            for address, scope in SOCKETS.items():
                phone = Phone(address.format(slug=slug), session)
                opened = await phone.connect()
                assert opened == (slug == "north" and access.allows(scope)), (role, slug, address)
                if opened:
                    await phone.leave()
        assert [one.site.slug for one in await asites_for(user)] == ["north"]


async def test_gateway_asks_the_site_for_exactly_the_roles_with_the_methods_scope(north: RunningSite) -> None:
    gateway: Gateway = get_gateway()
    for role in ROLES:
        user, session = await sync_to_async(person_with)(role, [north.site])
        access = await aget_site_for(user, "north", session=session)
        for call in CALLS:
            scope = SCOPE_OF_METHOD[call]
            assert scope is not None
            try:
                answer = await (gateway.catalog(access) if call == "catalog" else gateway.read(access, [TAG]))
            except SiteRefused as refusal:
                assert refusal.code == "role" and not access.allows(scope)
            else:
                assert answer and access.allows(scope)
        with pytest.raises(Http404):
            await aget_site_for(user, "south", session=session)


def test_every_page_that_names_a_site_is_in_the_table() -> None:
    named = {f"screens:{pattern.name}" for pattern in urlpatterns if "<slug" in str(pattern.pattern)}
    assert named == PAGES.keys() | OF_ONE_CHANGE
