"""A running site (relay, agent, a source in memory) and the web app on a real port, with tokens for its API."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.oauth import authorizations, endpoints
from accounts.oauth.models import AuthorizedToken, SiteAuthorization
from accounts.oauth.places import find_place
from hmi.api import access
from hmi.ingest.links import close_links
from hmi.sites.gateway import get_gateway
from hmi.sites.models import Site
from relay_bridge.contract.scopes import format_scopes
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person
from tests.support.oauth_client import bearer, register
from tests.support.web_server import serving

EVERYTHING = frozenset({"status:read", "data:live", "data:history", "alarm:read"})


@pytest.fixture(autouse=True)
def _full_buckets() -> None:
    for buckets in (endpoints._by_source, access.FAILURES):
        buckets._levels.clear()
    access._limits.clear()


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


@pytest_asyncio.fixture
async def origin(terminal: Terminal, settings: Any) -> AsyncIterator[str]:
    async with serving(settings) as running:
        yield running


def make_token(user: Any, site: Site, scopes: frozenset[str] = EVERYTHING) -> str:
    """A token as the token endpoint stores it; getting one over HTTP is tested in tests/accounts/oauth."""
    application = register("native")
    place = find_place(user, site.audience)
    assert place is not None
    authorization = authorizations.begin(
        place, user=user, application=application, scopes=scopes, how=SiteAuthorization.How.CODE, now=timezone.now()
    )
    text = secrets.token_urlsafe(24)
    row = AccessToken.objects.create(
        user=user,
        application=application,
        token="",
        token_checksum=hashlib.sha256(text.encode()).hexdigest(),
        expires=timezone.now() + dt.timedelta(minutes=5),
        scope=format_scopes(scopes),
        resource=[site.audience],
    )
    AuthorizedToken.objects.create(token=row, authorization=authorization)
    return text


amake_token = sync_to_async(make_token)


@pytest_asyncio.fixture
async def alice(terminal: Terminal) -> Any:
    user = await amake_person("alice")
    user.north = await agive(user, "field-operator", terminal.site)
    return user


@pytest_asyncio.fixture
async def api(origin: str, alice: Any, terminal: Terminal) -> AsyncIterator[httpx.AsyncClient]:
    """Alice's application."""
    token = await amake_token(alice, terminal.site)
    async with httpx.AsyncClient(base_url=origin + "/api/v1", headers=bearer(token), timeout=20) as client:
        yield client
