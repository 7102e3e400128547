"""Why a door stayed shut: told to whoever holds or held a grant at the site, and to nobody else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts.assurance import AMR
from hmi.sites.denials import find_denial
from hmi.sites.explain import Why
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def test_stranger_learns_the_same_of_every_site(charlie: Any, north: Site, django_assert_num_queries: Any) -> None:
    for slug in ("north", "nowhere", "", "x" * 500):
        with django_assert_num_queries(1):
            assert find_denial(charlie, slug, "status:read") is None


def test_open_door_has_no_reason(alice: Any, alices_grant: Grant) -> None:
    assert find_denial(alice, "north", "data:live") is None


def test_ended_at_an_hour_today_and_on_a_date_later(
    alice: Any, north: Site, now_is: Callable[[dt.datetime], None]
) -> None:
    start = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    give(alice, "viewer", north, valid_from=start, valid_until=start + HOUR)
    local = (start + HOUR).astimezone(dt.timezone(dt.timedelta(hours=1)))  # Oslo in winter, or an hour more
    now_is(start + 2 * HOUR)
    today = find_denial(alice, "north", "data:live")
    assert today is not None and today.reason.why is Why.ENDED
    assert today.reason.told in {
        f"Your access as viewer ended at {local + offset:%H:%M} (Europe/Oslo)." for offset in (dt.timedelta(), HOUR)
    }
    assert (today.asking_helps, today.role_to_ask) == (True, "viewer")
    now_is(start + dt.timedelta(days=40))
    later = find_denial(alice, "north", "data:live")
    assert later is not None
    assert f"ended on {start.day} " in later.reason.told and f" {start.year} at 1" in later.reason.told


def test_what_waits_or_begins_later_is_not_asked_for_again(approval: None, alice: Any, dora: Any, north: Site) -> None:
    give(alice, "field-operator", north, granted_by=dora)
    waits = find_denial(alice, "north", "data:live")
    assert waits is not None and (waits.reason.why, waits.asking_helps) == (Why.PENDING, False)


def test_not_begun_names_the_beginning(bob: Any, north: Site) -> None:
    give(bob, "viewer", north, valid_from=timezone.now() + 48 * HOUR)
    later = find_denial(bob, "north", "data:live")
    assert later is not None and later.reason.why is Why.STARTS_LATER
    assert later.reason.told.startswith("Your access as viewer has not begun: it starts on ")


def test_role_that_lacks_it_asks_for_another_role(bob: Any, bobs_grant: Grant) -> None:
    denial = find_denial(bob, "north", "audit:read")
    assert denial is not None
    assert denial.reason.told == "Your role viewer at North Terminal does not allow this."
    assert (denial.asking_helps, denial.role_to_ask) == (True, "")


def test_site_switched_off_is_told_to_its_people_only(bob: Any, charlie: Any, north: Site, bobs_grant: Grant) -> None:
    north.enabled = False
    north.save()
    denial = find_denial(bob, "north", "data:live")
    assert denial is not None and denial.reason.told == "North Terminal is switched off."
    assert not denial.asking_helps
    assert find_denial(charlie, "north", "data:live") is None


@pytest.mark.parametrize(("shown", "opens"), [(["pwd"], False), (["pwd", "otp", "mfa"], True)])
def test_sign_in_without_a_second_factor_is_told_so(
    settings: Any, bob: Any, bobs_grant: Grant, shown: list[str], opens: bool
) -> None:
    settings.SECOND_FACTOR = "always"
    denial = find_denial(bob, "north", "data:live", {AMR: shown})
    assert (denial is None) == opens
    if denial is not None:
        assert denial.needs_second_factor and "without one" in denial.reason.told
