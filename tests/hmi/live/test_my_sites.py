"""The live list of a person's sites, and what pages know before their socket opens."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from hmi.live.first_paint import ensure_link, known_catalog, latest_readings, link_summary
from hmi.sites.access import SiteAccess, get_site_for
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.conftest import Person, person
from tests.hmi.live.people import agive, amake_site
from tests.hmi.live.phone import Phone

MY_SITES = "/ws/my-sites/"


async def access_of(who: Person, slug: str = "north") -> SiteAccess:
    return await sync_to_async(get_site_for)(who.user, slug, session=who.session)


async def test_list_tells_link_and_counts(terminal: Terminal, alice: Person) -> None:
    south = await amake_site("south", "South Terminal")  # never provisioned
    await agive(alice.user, "viewer", south)
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    while _lines(phone).get("north", {}).get("stale") != 0:  # live, and every level was heard of
        assert await phone.receive() is not None
    lines = _lines(phone)
    assert (lines["north"]["tanks"], lines["north"]["stale"], lines["north"]["alarm"]) == (2, 0, 0)
    assert lines["south"]["link"][0] in {"connecting", "down"}
    terminal.set("TK-102.level", 14.5)
    await phone.until(lambda frame: frame.get("sites", {}).get("north", {}).get("alarm") == 1)
    await phone.leave()


def _lines(phone: Phone) -> dict[str, dict]:
    lines: dict[str, dict] = {}
    for frame in phone.frames:
        lines.update(frame.get("sites", {}))
    return lines


async def test_auditor_sees_that_the_site_is_there_and_nothing_of_it(terminal: Terminal) -> None:
    carol = await person("carol", "auditor", terminal.site)
    phone = Phone(MY_SITES, carol.session)
    assert await phone.connect()
    await phone.until(lambda frame: frame.get("sites", {}).get("north", {}).get("link", [""])[0] == "live")
    terminal.set("TK-101.level", 14.5)
    await phone.until(lambda frame: frame["k"] == "h")
    assert all(set(line) == {"link"} for frame in phone.frames for line in frame.get("sites", {}).values())
    assert terminal.streaming == 0
    await phone.leave()


async def test_person_without_sites_gets_an_empty_list(terminal: Terminal, charlie: Person) -> None:
    phone = Phone(MY_SITES, charlie.session)
    assert await phone.connect()
    assert (await phone.until(lambda frame: frame["k"] == "s"))["sites"] == {}
    await phone.leave()


async def test_people_with_the_same_sites_share_one_view(terminal: Terminal, alice: Person, bob: Person) -> None:
    phones = [Phone(MY_SITES, who.session) for who in (alice, bob)]
    for phone in phones:
        assert await phone.connect()
        await phone.until(lambda frame: frame.get("sites", {}).get("north", {}).get("link", [""])[0] == "live")
    assert terminal.agent.uplink.sessions == 1
    for phone in phones:
        await phone.leave()


async def test_pages_know_the_links_values_before_their_socket_opens(terminal: Terminal, alice: Person) -> None:
    access = await access_of(alice)
    assert link_summary(access).link is None
    assert latest_readings(access, ["TK-101.level"]) == {}
    phone = Phone("/ws/sites/north/", alice.session)
    assert await phone.connect()
    await phone.until_live()
    summary = link_summary(access)
    assert summary.live
    assert summary.counts == {"tanks": 2, "stale": 0, "alarm": 0}
    assert summary.sources["main"].code == 0
    assert latest_readings(access, ["TK-101.level", "TK-999.level"])["TK-101.level"].value == 12.5
    assert known_catalog(access) is not None
    await phone.leave()


async def test_without_live_values_pages_know_the_links_state_only(terminal: Terminal, alice: Person) -> None:
    carol = await person("carol", "auditor", terminal.site)
    phone = Phone("/ws/sites/north/", alice.session)
    assert await phone.connect()
    await phone.until_live()
    access = await access_of(carol)
    assert link_summary(access).live
    assert (link_summary(access).counts, link_summary(access).sources) == ({}, {})
    assert latest_readings(access, ["TK-101.level"]) == {}
    assert known_catalog(access) is None
    await phone.leave()


async def test_link_is_ready_before_the_socket_opens(terminal: Terminal, alice: Person) -> None:
    access = await access_of(alice)
    ensure_link(access)
    await eventually(lambda: link_summary(access).live)
    assert known_catalog(access) is not None
