"""The list of a person's sites as a shared view: each line worked out once, and no more told than may be seen."""

from __future__ import annotations

from hmi.ingest.site_link import SiteLink
from hmi.live.hub import Hub
from hmi.live.sites_view import SitesView, summary_of
from relay_bridge.contract.readings import Reading
from tests.hmi.live.screen import Screen, T, go_live, make_access


def look_at_sites(link: SiteLink, hub: Hub, *, with_values: bool) -> Screen:
    screen = Screen(hub, make_access(link.site))
    screen.look(
        ("sites", with_values), lambda: SitesView({"north": (summary_of(hub, link, link.site.id), with_values)})
    )
    return screen


async def test_line_of_a_site(link: SiteLink, hub: Hub) -> None:
    screen = look_at_sites(link, hub, with_values=True)
    assert screen.frames[0]["sites"]["north"]["link"][0] == "connecting"
    await go_live(link)
    line = screen.frames[-1]["sites"]["north"]
    assert line["link"][0] == "live"
    assert (line["tanks"], line["stale"], line["alarm"]) == (2, 0, 0)
    link.took_readings({"TK-101.level": Reading(13.5, T)})
    assert (await screen.next("d"))["sites"]["north"]["alarm"] == 1
    link._status.went_down("nothing came")
    assert screen.frames[-1]["sites"]["north"]["link"][0] == "down"
    assert screen.frames[-1]["sites"]["north"]["stale"] == 2


async def test_without_live_values_a_line_says_how_the_link_is_and_no_more(link: SiteLink, hub: Hub) -> None:
    may, may_not = look_at_sites(link, hub, with_values=True), look_at_sites(link, hub, with_values=False)
    await go_live(link)
    link.took_readings({"TK-101.level": Reading(13.5, T)})
    await may.next("d")
    lines = [frame["sites"]["north"] for frame in may_not.frames if "sites" in frame]
    assert lines[-1]["link"][0] == "live"
    assert all(set(line) == {"link"} for line in lines)
    assert len(hub.parts) == 1
