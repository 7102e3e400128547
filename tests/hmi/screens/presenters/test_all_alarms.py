"""The banner over several sites: which alarm stands on it, where it leads, and what it says of sites not reached."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import pytest

from hmi.live.demand import LinkState
from hmi.live.first_paint import LinkSummary
from hmi.screens.presenters.all_alarms import show_all_alarms
from hmi.sites.access import SiteAccess
from tests.hmi.screens.sample import NOW, sample_access

NAMES = {"north": "North Terminal", "south": "South Terminal"}


def access_to(slug: str, scopes: str = "status:read data:live alarm:read") -> SiteAccess:
    access = sample_access(scopes=scopes)
    access.site.slug, access.site.name, access.site.id = slug, NAMES[slug], uuid.uuid4()
    return access


def summary(phase: str = "live", **alarms: Any) -> LinkSummary:
    return LinkSummary(LinkState(phase, NOW, ""), NOW, alarms=alarms)  # type: ignore[arg-type]


def waits(name: str, band: str = "high", *, new: int = NOW, more: int = 0, s: str = "current", fl: int = 0) -> Any:
    counts = [more + 1 if band == each else 0 for each in ("crit", "high", "med", "low")]
    top = ["a1", name, band, 1, "main", more, 0]
    return {"s": s, "u": counts, "all": more + 1, "sh": 0, "fl": fl, "new": new, "top": top}


QUIET = {"s": "current", "u": [0, 0, 0, 0], "all": 0, "sh": 0, "fl": 0}
LISTS = {slug: f"/sites/{slug}/alarms/" for slug in NAMES}
# The summaries of both sites; what the banner says, where it leads, how many beside it, how many sites are not reached.
CASES = {
    "the higher priority": (
        summary(**waits("P-1 stopped", "high", more=2)), summary(**waits("TK-9 level", "crit")),
        ("South Terminal: TK-9 level", LISTS["south"], 3, 0, False),
    ),
    "then the newest": (
        summary(**waits("older", new=NOW - 9000)), summary(**waits("newer")),
        ("South Terminal: newer", LISTS["south"], 1, 0, False),
    ),
    "what is known before what was": (
        summary(**waits("now", "low")), summary("down", **waits("once", "crit", s="old", more=4)),
        ("North Terminal: now", LISTS["north"], 0, 1, False),
    ),
    "else what was last known, as such": (
        summary(**QUIET), summary("down", **waits("once", "crit", s="old")),
        ("South Terminal: once", LISTS["south"], 0, 1, True),
    ),
    "quiet": (summary(**QUIET), summary(**QUIET), ("No alarm waits", "/", 0, 0, False)),
    "quiet as far as known": (
        summary(**QUIET), summary("down", s="unknown"), ("No alarm waits", "/", 0, 1, True)
    ),
    "a site without alarms is known": (summary(**QUIET), summary(s="none"), ("No alarm waits", "/", 0, 0, False)),
    "nothing known": (LinkSummary(), summary("down", s="unknown"), ("Alarms not known yet", "/", 0, 0, True)),
    "none has alarms": (summary(s="none"), summary(s="none"), ("None of your sites has alarms", "/", 0, 0, False)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_over_two_sites(name: str) -> None:
    north, south, expected = CASES[name]
    banner = show_all_alarms([access_to("north"), access_to("south")], {"north": north, "south": south})
    assert banner is not None
    assert (banner.text, banner.href, banner.more, banner.missing, banner.stale) == expected


def test_one_site_needs_no_name() -> None:
    banner = show_all_alarms([access_to("north")], {"north": summary("down", **waits("TK-9 level", s="old"))})
    assert banner is not None
    assert (banner.text, banner.href, banner.missing, banner.stale) == ("TK-9 level", LISTS["north"], 0, True)
    quiet = show_all_alarms([access_to("north")], {"north": summary(**QUIET)})
    assert quiet is not None
    assert (quiet.text, quiet.href) == ("No alarm waits", LISTS["north"])


def test_only_of_sites_whose_alarms_the_person_may_see() -> None:
    without = [access_to("south", "status:read data:live"), access_to("south", "status:read alarm:read")]
    loud = summary(**waits("TK-9 level", "crit"))
    assert show_all_alarms([], {}) is None
    assert show_all_alarms(without, {"south": loud}) is None
    banner = show_all_alarms([access_to("north"), *without], {"north": summary(**QUIET), "south": loud})
    assert banner is not None
    assert banner.text == "No alarm waits"
    assert json.loads(banner.sites) == [["north", "North Terminal", LISTS["north"]]]


def test_priority_doubt_and_flood_are_those_of_the_alarm() -> None:
    facts = waits("TK-9 level", "crit", fl=1)
    facts["top"][6] = 1
    banner = show_all_alarms([access_to("north")], {"north": summary(**facts)})
    assert banner is not None
    shown = dataclasses.asdict(banner)
    assert (shown["band"], shown["letter"], shown["doubtful"], shown["flood"]) == ("crit", "1", True, True)
    assert "not acknowledged" in shown["words"]
    assert banner.counts.total == 1
