"""A site that runs, a person who may see it, and the link between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from asgiref.sync import sync_to_async

from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess, get_site_for
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def alice(terminal: Terminal) -> SiteAccess:
    """Alice's access: she operates the site."""
    person = await amake_person("alice")
    await agive(person, "field-operator", terminal.site)
    return await sync_to_async(get_site_for)(person, terminal.site.slug, scope="data:live")


@pytest_asyncio.fixture
async def link(terminal: Terminal) -> AsyncIterator[SiteLink]:
    made = SiteLink(terminal.site)
    yield made
    await made.close()
