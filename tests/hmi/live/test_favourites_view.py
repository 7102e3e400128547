"""Favourites on the socket of the start page: the same readings as on the site's own pages, under the same access."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async

from hmi.live.favourites_view import Wish, favourites_picture
from hmi.watch.favourites import add_favourite
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.conftest import Person, person
from tests.hmi.live.people import amake_site
from tests.hmi.live.phone import Phone
from tests.hmi.screens.sample import sample_catalog

MY_SITES = "/ws/my-sites/"
add = sync_to_async(add_favourite)


def part(frame: dict[str, Any]) -> dict[str, Any]:
    return frame.get("fav", {}).get("north", {})


def test_an_asset_stands_for_its_main_value_and_what_its_alarm_rests_on() -> None:
    wishes = [Wish("asset", "TK-101"), Wish("asset", "P-101"), Wish("tag", "TK-102.temp_avg"), Wish("tag", "gone")]
    picture = favourites_picture(sample_catalog(), wishes)
    assert picture.tags == ("TK-101.level", "P-101.flow", "TK-102.temp_avg")
    assert picture.assets == ("TK-101", "P-101")
    assert {"TK-101.level_rate", "TK-101.tov"} <= picture.needed


async def test_values_states_and_the_sites_own_clock_arrive(terminal: Terminal, alice: Person) -> None:
    await add(alice.user, terminal.site.pk, "asset", "TK-101")
    await add(alice.user, terminal.site.pk, "tag", "TK-102.flow")
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    live = await phone.until(lambda frame: part(frame).get("link", [""])[0] == "live" and frame["k"] == "s")
    told = part(live)
    values = {tag: next(item[1] for item in told["d"] if item[0] == handle) for tag, handle in told["h"].items()}
    assert values == {"TK-101.level": 12.5, "TK-102.flow": 100.0}
    assert told["x"]["TK-101"]["alarm"] == "" and told["src"]["main"][0] == 0 and told["t"] > 0
    terminal.set("TK-101.level", 14.5)
    changed = await phone.until(lambda frame: "TK-101" in part(frame).get("x", {}))
    handle = told["h"]["TK-101.level"]
    assert part(changed)["x"]["TK-101"]["alarm"] == "HH"
    assert [item[1] for item in part(changed)["d"] if item[0] == handle] == [14.5]
    await phone.leave()


async def test_a_lost_site_is_told_and_comes_back_with_all_its_values(terminal: Terminal, alice: Person) -> None:
    await add(alice.user, terminal.site.pk, "asset", "TK-101")
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    await phone.until(lambda frame: part(frame).get("link", [""])[0] == "live")
    await terminal.stop_agent()
    await phone.until(lambda frame: part(frame).get("link", [""])[0] == "down")
    await terminal.start_agent()
    back = await phone.until(lambda frame: part(frame).get("link", [""])[0] == "live")
    assert back["k"] == "s" and len(part(back)["d"]) == 1
    await phone.leave()


async def test_nothing_of_a_site_that_is_not_open_is_sent(terminal: Terminal) -> None:
    """An auditor's favourite, from the time when the role was another, and one at a site without a grant."""
    carol = await person("carol", "auditor", terminal.site)
    south = await amake_site("south", "South")
    await add(carol.user, terminal.site.pk, "asset", "TK-101")
    await add(carol.user, south.pk, "asset", "TK-1")
    phone = Phone(MY_SITES, carol.session)
    assert await phone.connect()
    await phone.until(lambda frame: frame.get("sites", {}).get("north", {}).get("link", [""])[0] == "live")
    await phone.until(lambda frame: frame["k"] == "h")
    assert not any("fav" in frame for frame in phone.frames)
    assert terminal.streaming == 0
    await phone.leave()


async def test_an_access_that_ends_ends_the_favourites(terminal: Terminal, alice: Person) -> None:
    await add(alice.user, terminal.site.pk, "asset", "TK-101")
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    await phone.until(lambda frame: part(frame).get("link", [""])[0] == "live")
    assert terminal.streaming > 0
    alice.grant.revoked_at = alice.grant.valid_from
    await sync_to_async(alice.grant.save)()
    while await phone.receive() is not None:
        pass
    assert phone.closed_with in {4403, 4410}


async def test_people_with_the_same_favourites_share_one_view(terminal: Terminal, alice: Person, bob: Person) -> None:
    from hmi.live.hub import get_hub  # noqa: PLC0415 - the hub of this test's loop

    phones = []
    for who, order in ((alice, ("TK-101", "TK-102")), (bob, ("TK-102", "TK-101"))):
        for target in order:
            await add(who.user, terminal.site.pk, "asset", target)
        phone = Phone(MY_SITES, who.session)
        assert await phone.connect()
        await phone.until(lambda frame: part(frame).get("link", [""])[0] == "live")
        phones.append(phone)
    assert len([key for key in get_hub().views if key[0] == "my-sites"]) == 1  # type: ignore[index]
    for phone in phones:
        await phone.leave()
