"""Which answers are compressed: pages of data that this site or the person asked for, and nothing that could tell."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from django.test import AsyncClient

from hmi.ingest.links import close_links
from hmi.sites.gateway import get_gateway
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.screens.test_views import client_of

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
OURS = GZIP | {"Sec-Fetch-Site": "same-origin"}
SITE, LIST = "/sites/north/", "/sites/north/?order=soonest"


@pytest_asyncio.fixture
async def person(transactional_db: None, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    running = Terminal(tmp_path / "terminal")
    await running.start()
    yield await client_of("alice", "field-operator", running)
    await close_links()
    await get_gateway().close()
    await running.stop()


async def test_pages_of_data_come_compressed_to_who_asked_for_them(person: AsyncClient) -> None:
    for address, asked in (
        (SITE, OURS),
        (LIST, OURS),
        (SITE, GZIP | {"Sec-Fetch-Site": "none"}),
        (SITE, GZIP),  # a browser that says nothing about who asked
    ):
        answer = await person.get(address, headers=asked)
        assert answer.headers["Content-Encoding"] == "gzip", (address, asked)
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert b"</html>" in gzip.decompress(answer.content)
        assert len(answer.content) < len(gzip.decompress(answer.content)) / 2


async def test_its_length_differs_from_time_to_time(person: AsyncClient) -> None:
    assert len({len((await person.get("/search/", headers=OURS)).content) for _ in range(8)}) > 1


async def test_what_could_tell_somebody_else_something_is_not_compressed(person: AsyncClient) -> None:
    for address, asked in (
        (SITE, {"Sec-Fetch-Site": "same-origin"}),  # not wanted
        (SITE, GZIP | {"Sec-Fetch-Site": "cross-site"}),
        (SITE, GZIP | {"Sec-Fetch-Site": "same-site"}),
        (LIST, GZIP),
        ("/search/?q=TK", OURS),  # words of the address stand in the page
        (f"{SITE}?anything=1", OURS),
        ("/no/such/page/", OURS),
        ("/sessions/", OURS),  # of accounts
    ):
        answer = await person.get(address, headers=asked)
        assert len(answer.content) > 200, address
        assert "Content-Encoding" not in answer.headers, (address, asked)


async def test_a_sign_in_page_is_not_compressed(transactional_db: None) -> None:
    answer = await AsyncClient().get("/sign-in/", headers=OURS)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
