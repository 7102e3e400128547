"""The cards of a person's sites: what they may know, and until when."""

from __future__ import annotations

from datetime import UTC, datetime

from hmi.screens.presenters.my_sites import SiteFacts, show_sites
from tests.hmi.screens.sample import NOW, sample_access

FACTS = SiteFacts("down", NOW - 3_600_000, "The relay does not answer.", tanks=14, stale=3, alarms=2)


def test_card_says_the_link_in_words_and_since_when() -> None:
    card = show_sites([sample_access()], {"north": FACTS}, NOW)[0]
    assert card.link.words == "Site not reachable since 17:53, trying"
    assert (card.tanks, card.stale, card.alarms, card.href) == (14, 3, 2, "/sites/north/")
    assert (card.role, card.until) == ("Field operator", "20 Feb 2027")


def test_role_without_values_sees_no_counts() -> None:
    card = show_sites([sample_access("auditor", "status:read audit:read")], {"north": FACTS}, NOW)[0]
    assert (card.sees_values, card.tanks, card.stale, card.alarms) == (False, None, None, None)


def test_last_days_of_an_access_are_said_with_the_hour_at_the_site() -> None:
    access = sample_access()
    assert show_sites([access], {}, NOW)[0].ends == ""
    soon = {"north": access.valid_until}
    assert show_sites([access], {}, NOW, soon)[0].ends.startswith(
        f"Your access to {access.site.name} ends on 20 Feb 2027 at "
    )
    today = {"north": datetime.fromtimestamp(NOW / 1000 + 60, UTC)}
    assert " ends today at " in show_sites([access], {}, NOW, today)[0].ends


def test_nothing_known_is_said_and_not_invented() -> None:
    card = show_sites([sample_access()], {}, NOW)[0]
    assert (card.link.words, card.link.live, card.tanks) == ("Link state not known", False, None)
