"""Every live socket through the real ASGI application, knocked at by five people: each gets what sockets.txt says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async

from hmi.bridge_settings import BridgeSettings
from hmi.ingest.links import close_links
from hmi.live.routing import websocket_urlpatterns
from hmi.sites.models import Site
from tests.hmi.live.phone import Phone
from tests.permission_matrix.walk import PEOPLE, compare, make_people, read_table

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = read_table("sockets.txt")
ELSEWHERE = "https://elsewhere.example.com"


@pytest_asyncio.fixture
async def people(settings: Any, tmp_path: Path, transactional_db: None) -> AsyncIterator[dict[str, tuple[Any, Any]]]:
    settings.SIGHTLINE = BridgeSettings(state_dir=tmp_path / "state", issuer="https://hmi.example.com")
    north = await Site.objects.acreate(slug="north", name="North Terminal")
    await Site.objects.acreate(slug="south", name="South Terminal")  # nobody holds anything here
    yield await sync_to_async(make_people)(north)
    await close_links()


async def try_socket(address: str, session: Any, origin: str | None = None) -> str:
    phone = Phone(address, session, origin=origin)
    if not await phone.connect():
        return "refused"
    frame = await phone.receive()
    await phone.leave()
    return "opens" if frame is not None and frame["k"] == "s" else f"said {frame}"


def test_every_socket_is_in_the_table_and_no_other() -> None:
    routes = {str(pattern.pattern) for pattern in websocket_urlpatterns}
    missing = sorted(routes - TABLE.keys())
    assert not missing, (
        f"These sockets are not declared: {', '.join(missing)}. Decide for whom each opens, and add a line to "
        "tests/permission_matrix/sockets.txt."
    )
    gone = sorted(TABLE.keys() - routes)
    assert not gone, f"sockets.txt declares what does not exist: {', '.join(gone)}. Take these lines out."


async def test_each_socket_opens_for_whom_the_table_says(people: dict[str, tuple[Any, Any]]) -> None:
    wrong: list[str] = []
    for (address,), expected in TABLE.values():
        found = [await try_socket(address, people[person][1]) for person in PEOPLE]
        wrong += compare(expected, found, address)
        # With the cookie of somebody who may, from a page of somebody else; and at a site that is not theirs.
        if await try_socket(address, people["owner"][1], ELSEWHERE) != "refused":
            wrong.append(f"{address} opens for another page.")
        for other in ("south", "nowhere"):
            there = address.replace("north", other)
            if there != address and await try_socket(there, people["owner"][1]) != "refused":
                wrong.append(f"{there} opens without a grant there.")
    assert not wrong, "\n".join(wrong)
