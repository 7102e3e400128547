"""A site that runs, the people at it, and everything put away afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hmi.ingest.links import close_links
from hmi.ingest.site_link import SiteLink
from hmi.live.hub import Hub
from hmi.sites.models import Site
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person, asign_in
from tests.hmi.live.screen import nowhere


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield running
    await close_links()
    await running.stop()


class Person:
    """A row and a signed-in session."""

    def __init__(self, user: Any, session: Any, grant: Any = None) -> None:
        self.user, self.session, self.grant = user, session, grant


async def person(name: str, role: str | None, site: Any, **facts: Any) -> Person:
    user = await amake_person(name)
    grant = None if role is None else await agive(user, role, site, **facts)
    return Person(user, await asign_in(user), grant)


@pytest_asyncio.fixture
async def alice(terminal: Terminal) -> Person:
    return await person("alice", "field-operator", terminal.site)


@pytest_asyncio.fixture
async def bob(terminal: Terminal) -> Person:
    return await person("bob", "viewer", terminal.site)


@pytest_asyncio.fixture
async def charlie(terminal: Terminal) -> Person:
    """A stranger with an account."""
    return await person("charlie", None, terminal.site)


@pytest_asyncio.fixture
async def link() -> AsyncIterator[SiteLink]:
    made = SiteLink(Site(slug="north", name="North Terminal"), find_conduit=nowhere)
    yield made
    await made.close()


@pytest.fixture
def hub() -> Hub:
    return Hub()
