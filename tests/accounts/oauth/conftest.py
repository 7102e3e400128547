"""Alice operates North, Bob looks, Charlie is a stranger; the web app answers on a real port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from accounts.oauth import endpoints
from hmi.api import access
from hmi.sites.models import Site
from tests.hmi.live.people import agive, amake_person, amake_site
from tests.support.oauth_client import Browser
from tests.support.web_server import serving


@pytest.fixture(autouse=True)
def _full_buckets() -> None:
    """Limits are of the process, and all tests come from one address."""
    for buckets in (endpoints._by_source, access.FAILURES):
        buckets._levels.clear()
    access._limits.clear()


@pytest_asyncio.fixture
async def origin(transactional_db: None, settings: Any) -> AsyncIterator[str]:
    async with serving(settings) as running:
        yield running


@pytest_asyncio.fixture
async def north(transactional_db: None) -> Site:
    return await amake_site()


@pytest_asyncio.fixture
async def alice(north: Site) -> Any:
    user = await amake_person("alice")
    user.north = await agive(user, "field-operator", north)
    return user


@pytest_asyncio.fixture
async def browser(origin: str, alice: Any) -> AsyncIterator[Browser]:
    """Alice's."""
    running = await Browser(origin).sign_in(alice)
    yield running
    await running.close()
