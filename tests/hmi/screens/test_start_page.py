"""Start page, search, stars and labels over a real site. Alice operates, Bob audits, Charlie is a stranger."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import render_to_string
from django.test import AsyncClient, RequestFactory

from hmi.ingest.links import close_links
from hmi.screens.presenters.search import show_found
from hmi.screens.search_index import Ground, search
from hmi.screens.search_words import read_query
from hmi.sites.catalog import Catalog
from hmi.sites.gateway import get_gateway
from hmi.sites.models import Grant
from hmi.watch.favourites import MAX_FAVOURITES, Favourite
from hmi.watch.recent import Opened
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import amake_site
from tests.hmi.screens.test_views import HTMX, client_of, is_stale, shown, text_of

STAR, TANK = "/favourites/star/", "/sites/north/tanks/TK-101/"
STARRED = {"site": "north", "kind": "asset", "target": "TK-101", "on": "1", "next": TANK}


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path) -> AsyncIterator[Terminal]:
    running = Terminal(tmp_path / "terminal")
    running.alarms = True
    running.tanks = [101, 103]
    await running.start()
    yield running
    await close_links()
    await get_gateway().close()
    await running.stop()


@pytest_asyncio.fixture
async def alice(terminal: Terminal) -> AsyncClient:
    return await client_of("alice", "field-operator", terminal)


@pytest_asyncio.fixture
async def bob(terminal: Terminal) -> AsyncClient:
    return await client_of("bob", "auditor", terminal)


@pytest_asyncio.fixture
async def charlie(terminal: Terminal) -> AsyncClient:
    return await client_of("charlie", None, terminal)


async def test_a_starred_tank_stands_on_the_start_page_with_its_value(alice: AsyncClient, terminal: Terminal) -> None:
    answer = await alice.post(STAR, STARRED)
    assert (answer.status_code, answer.headers["Location"]) == (303, TANK)
    page = await text_of(alice, "/")
    assert shown(page, "TK-101.level") == "12.500" and not is_stale(page, "TK-101.level")
    assert 'data-part="north"' in page and "js/favourites" in page
    assert 'aria-pressed="true"' in await text_of(alice, TANK)
    part = await alice.post(STAR, STARRED | {"on": "0"}, headers=HTMX)
    assert 'aria-pressed="false"' in part.content.decode() and "<html" not in part.content.decode()
    assert 'data-part="north"' not in await text_of(alice, "/")


async def test_a_starred_tag_stands_with_its_asset_name_and_a_missing_one_says_so(
    alice: AsyncClient, terminal: Terminal
) -> None:
    await alice.post(STAR, STARRED | {"kind": "tag", "target": "TK-101.flow"})
    await Favourite.objects.acreate(person=await alice_of(), site=terminal.site, kind="asset", target="TK-999", place=9)
    page = await text_of(alice, "/")
    assert shown(page, "TK-101.flow") == "100.0"
    assert "TK-999" in page and "the site no longer has this" in page


async def alice_of() -> object:
    return (await Grant.objects.select_related("user").aget(user__username="alice")).user


async def test_values_of_a_silent_site_are_marked_stale(alice: AsyncClient, terminal: Terminal) -> None:
    await alice.post(STAR, STARRED)
    assert not is_stale(await text_of(alice, "/"), "TK-101.level")
    await terminal.stop_agent()
    page = await text_of(alice, "/")
    assert "TK-101" in page
    assert 'data-tag="TK-101.level"' not in page or is_stale(page, "TK-101.level")


async def test_a_star_needs_what_seeing_needs(alice: AsyncClient, bob: AsyncClient, charlie: AsyncClient) -> None:
    for client in (bob, charlie):
        assert (await client.post(STAR, STARRED)).status_code == 404
    assert (await alice.post(STAR, STARRED | {"site": "nowhere"})).status_code == 404
    for wrong in ({"kind": "site"}, {"on": "2"}, {"target": "a b"}, {"target": "x" * 129}, {"site": "../x"}):
        assert (await alice.post(STAR, STARRED | wrong)).status_code == 400, wrong
    assert (await alice.post(STAR, STARRED | {"next": "//evil.example/"})).headers["Location"] == "/"
    assert await Favourite.objects.acount() == 1


async def test_a_full_list_says_what_to_do(alice: AsyncClient, terminal: Terminal) -> None:
    person = await alice_of()
    rows = [
        Favourite(person=person, site=terminal.site, kind="asset", target=f"T-{n}", place=n)
        for n in range(MAX_FAVOURITES)
    ]
    await Favourite.objects.abulk_create(rows)
    answer = (await alice.post(STAR, STARRED, headers=HTMX)).content.decode()
    assert 'aria-pressed="false"' in answer and "no more" in answer and 'href="/favourites/"' in answer
    assert (await alice.post(STAR, STARRED)).status_code == 303
    assert "60 favourites" in await text_of(alice, "/")


async def test_favourites_are_arranged_without_a_script(alice: AsyncClient, terminal: Terminal) -> None:
    south = await amake_site("south", "South")
    for target in ("TK-101", "TK-103"):
        await alice.post(STAR, STARRED | {"target": target})
    person = await alice_of()
    await Favourite.objects.acreate(person=person, site=south, kind="asset", target="SECRET", place=9)
    page = await text_of(alice, "/favourites/")
    assert "SECRET" not in page and "1 favourite is at a site that is not open to you now" in page
    keys = re.findall(r'name="key" value="(\d+)"', page)
    assert (await alice.post("/favourites/arrange/", {"key": keys[1], "way": "up"})).status_code == 303
    assert re.findall(r'name="key" value="(\d+)"', await text_of(alice, "/favourites/")) == keys[::-1]
    await alice.post("/favourites/arrange/", {"key": keys[0], "way": "remove"})
    await alice.post("/favourites/arrange/", {"way": "hidden"})
    assert await Favourite.objects.acount() == 1
    for wrong in ({"key": "x", "way": "up"}, {"key": "9" * 30, "way": "up"}, {"key": keys[1], "way": "away"}):
        assert (await alice.post("/favourites/arrange/", wrong)).status_code == 400


async def test_what_was_opened_stands_there_while_it_may_be_seen(alice: AsyncClient, terminal: Terminal) -> None:
    await text_of(alice, TANK)
    await alice.head("/sites/north/tanks/TK-103/")  # an open page asks whether it may stay: nobody opened anything
    page = await text_of(alice, "/")
    assert 'data-of-site="north"' in page and 'href="/sites/north/tanks/TK-101/"' in page
    assert [row.asset async for row in Opened.objects.all()] == ["TK-101"]
    grant = await Grant.objects.aget()
    grant.revoked_at = grant.valid_from
    await sync_to_async(grant.save)()
    assert "TK-101" not in await text_of(alice, "/favourites/")
    assert "data-of-site" not in await text_of(alice, "/")


async def test_search_knows_the_trades_words_in_the_language_of_the_page(alice: AsyncClient) -> None:
    page = await text_of(alice, "/search/?q=F%C3%BCllst", **{"accept-language": "de"})
    assert "hit-link" in page and "Füllstand" in page
    assert "hit-link" not in await text_of(alice, "/search/?q=F%C3%BCllst")


async def test_photo_is_refused_in_the_language_of_the_page(alice: AsyncClient) -> None:
    answer = await alice.post(
        "/sites/north/notes/assets/TK-101/write/",
        {"text": "tropft", "photo": SimpleUploadedFile("a.jpg", b"no picture")},
        headers={"accept-language": "de"},
    )
    assert answer.status_code == 400
    assert "Das ist kein lesbares Foto." in answer.content.decode()


async def test_search_shows_what_the_person_may_see(
    alice: AsyncClient, bob: AsyncClient, charlie: AsyncClient, terminal: Terminal
) -> None:
    part = (await alice.get("/search/?q=tk-101+fl", headers=HTMX)).content.decode()
    assert "<html" not in part and "TK-101.flow" in part and "North farm" in part and "North Terminal" in part
    nothing = await text_of(bob, "/search/?q=tk-101")
    assert "Nothing that you may see begins with this." in nothing and "/tanks/" not in nothing
    assert "North Terminal" in await text_of(bob, "/search/?q=north")
    for query in ("tk-101", "north"):
        page = await text_of(charlie, f"/search/?q={query}")
        assert "Nothing that you may see begins with this." in page and "North Terminal" not in page
    assert "No site is open to you." in await text_of(charlie, "/search/")


async def test_search_finds_alarms_of_who_may_read_them(alice: AsyncClient, terminal: Terminal) -> None:
    await alice.get("/sites/north/alarms/")  # brings the list up
    page = await text_of(alice, "/search/?q=high")
    found = re.search(r'href="(/sites/north/alarms/[^"]+/)"', page)
    assert found is not None and "not acknowledged" in page
    assert (await alice.get("/search/?q=tk-103+high&open=1")).status_code == 200  # an alarm is never opened unseen


@pytest.mark.parametrize(
    ("typed", "opens"),
    [
        ("TK-101", TANK),
        ("tk-101", TANK),
        ("north TK-101.level", TANK),
        ("TK-103.flow", "/sites/north/tanks/TK-103/"),
        ("https://elsewhere.example/t/north/TK-101", "/t/north/TK-101"),
    ],
)
async def test_what_was_typed_exactly_opens_at_once(alice: AsyncClient, typed: str, opens: str) -> None:
    answer = await alice.get("/search/", {"q": typed, "open": "1"})
    assert (answer.status_code, answer.headers.get("Location")) == (302, opens)


async def test_several_give_the_list_and_none_says_what_to_do(alice: AsyncClient) -> None:
    several = await text_of(alice, "/search/?q=level&open=1")
    assert "TK-101.level" in several and "TK-103.level" in several
    assert "Type the beginning of a name" in await text_of(alice, "/search/?q=zzz&open=1")
    assert (await alice.get("/search/", {"q": "x" * 5000, "open": "1"})).status_code == 200


async def test_a_site_that_cannot_be_asked_is_named(alice: AsyncClient, terminal: Terminal) -> None:
    await terminal.stop_agent()
    page = await text_of(alice, "/search/?q=tk-101")
    assert "did not answer. What it has could not be searched." in page


async def test_a_label_leads_to_the_page(alice: AsyncClient) -> None:
    for scanned in ("/t/north/TK-101", "/t/north/tk-101"):
        answer = await alice.get(scanned)
        assert (answer.status_code, answer.headers["Location"]) == (302, TANK)


async def test_a_label_that_opens_nothing_looks_like_every_refusal(
    alice: AsyncClient, bob: AsyncClient, charlie: AsyncClient
) -> None:
    """A stranger gets the page of a site that is not there; whoever knows the site reads why, as on its own pages."""

    def without_token(page: str) -> str:
        """Nor what a page says of itself by its address: where its forms lead back, whether a phone may keep it; nor
        when it was drawn."""
        address = r'value="/[^"]*"|\s+data-keep[a-z-]*(="[^"]*")?'
        moment = r'data-now="\d+"|\d\d:\d\d:\d\d'
        return re.sub(rf'name="csrfmiddlewaretoken" value="[^"]+"|{address}|{moment}', "", page)

    strangers = [await charlie.get(path) for path in ("/t/north/TK-101", "/t/nowhere/TK-101", TANK)]
    assert {answer.status_code for answer in strangers} == {404}
    pages = [without_token(answer.content.decode()) for answer in strangers]
    assert pages[0] == pages[1] == pages[2]
    known = [await bob.get(path) for path in ("/t/north/TK-101", TANK)]
    assert {answer.status_code for answer in known} == {403}
    pages = [without_token(answer.content.decode()) for answer in known]
    assert pages[0] == pages[1]
    assert (await alice.get("/t/north/TK-999")).status_code == 404
    nobody = await AsyncClient().get("/t/north/TK-101")
    assert nobody.status_code == 302 and nobody.headers["Location"].startswith("/sign-in/?next=/t/north/TK-101")


async def test_a_label_of_a_site_never_heard_of_waits(alice: AsyncClient, terminal: Terminal) -> None:
    await terminal.stop_agent()
    page = await text_of(alice, "/t/north/TK-101")
    assert "opens by itself when the site answers" in page and " data-empty" in page


HOSTILE = "<script>alert(1)</script>\u202e\u200b&\"'" + "\U0001f4a3" * 3 + "x" * 500


def test_hostile_names_are_shown_as_text() -> None:
    asset = CatalogAsset(id="TK-1", name=HOSTILE, area=HOSTILE, kind="tank")
    tag = CatalogTag(id="TK-1.level", name=HOSTILE, asset="TK-1", source="main")
    row = AlarmRow(
        id="a", eid="e", source="main", name=HOSTILE, cond=HOSTILE, sev=900, act=True, ack=False, area=HOSTILE
    )
    ground = Ground("north", HOSTILE, Catalog("h", (HOSTILE,), (asset,), (tag,)), [row])
    found = search(read_query("script"), [ground])
    assert {hit.kind for hit in found.hits} == {"site", "asset", "tag", "alarm"}
    request = RequestFactory().get("/search/")
    page = render_to_string(
        "screens/_found.html", {"asked": True, "kinds": show_found(found, {}), "count": 4, "silent": [HOSTILE]}, request
    )
    assert "<script" not in page and "&lt;script&gt;" in page
    inside = re.sub(r"<bdi[^>]*>.*?</bdi>", "", page, flags=re.DOTALL)
    assert "alert(1)" not in re.sub(r'<span class="unseen">[^<]*</span>', "", inside)
