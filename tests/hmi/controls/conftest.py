"""The site with the pump, and the supervisor at her phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from hmi.ingest.links import close_links
from hmi.sites.gateway import get_gateway
from tests.hmi.controls.pump_site import Operator, PumpSite, link_is_live, operator


@pytest_asyncio.fixture
async def site(transactional_db: None, tmp_path: Path) -> AsyncIterator[PumpSite]:
    running = PumpSite(tmp_path / "terminal")
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


@pytest_asyncio.fixture
async def eva(site: PumpSite) -> Operator:
    """Eva supervises the shift: she holds both rights, has just confirmed, and has the pump's page open."""
    made = await operator("eva", "shift-supervisor", site)
    await link_is_live(site, made)
    return made
