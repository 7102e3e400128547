"""A site that runs, a person who may see it, and the link between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from hmi.bridge_settings import BridgeSettings
from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess, get_site_for
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person


@pytest.fixture(autouse=True)
def bridge(settings: Any, tmp_path: Path) -> None:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")


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
