"""Who gets to a site, who gets the same 404 as for a site that does not exist, and when an access ends."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import Http404
from django.utils import timezone, translation
from django.utils.translation import gettext

from hmi.languages.dates import date_text
from hmi.sites.access import access_under, aget_site_for, asites_for, ending_soon, get_site_for, sites_for, still_live
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give, make_person, role

pytestmark = pytest.mark.django_db
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")


def refusal(user: Any, slug: str, **what: Any) -> str:
    with pytest.raises(Http404) as caught:
        get_site_for(user, slug, **what)
    return str(caught.value)


def test_operator_and_viewer_reach_their_site_with_the_scopes_of_their_role(
    alice: Any, bob: Any, north: Site, alices_grant: Grant, bobs_grant: Grant
) -> None:
    operating, looking = get_site_for(alice, "north"), get_site_for(bob, "north")

    assert (operating.site, operating.grant_id, operating.role_name) == (north, alices_grant.pk, "field operator")
    assert operating.allows("setpoint:write")
    assert looking.scopes == {"status:read", "data:live", "data:history", "alarm:read"}


def test_stranger_gets_the_very_answer_of_a_site_that_does_not_exist(
    alice: Any, charlie: Any, north: Site, south: Site, alices_grant: Grant, django_assert_num_queries: Any
) -> None:
    south.enabled = False
    south.save()
    give(alice, "viewer", south)
    with django_assert_num_queries(1):
        unknown = refusal(charlie, "no-such-site")
    with django_assert_num_queries(1):
        not_mine = refusal(charlie, "north")
    with django_assert_num_queries(1):
        switched_off = refusal(alice, "south")

    assert unknown == not_mine == switched_off
    assert "north" not in unknown
    assert refusal(AnonymousUser(), "north") == unknown


def test_grant_counts_only_within_its_time(alice: Any, north: Site, now_is: Callable[[dt.datetime], None]) -> None:
    noon = timezone.now().replace(microsecond=0)
    give(alice, "viewer", north, valid_from=noon, valid_until=noon + dt.timedelta(hours=2))

    now_is(noon - dt.timedelta(seconds=1))
    refusal(alice, "north")
    now_is(noon)
    assert get_site_for(alice, "north").site == north
    now_is(noon + dt.timedelta(hours=2))
    refusal(alice, "north")


@pytest.mark.parametrize("end", ["revoked", "account closed", "site off"])
def test_access_ends_with_grant_account_and_site(alice: Any, north: Site, alices_grant: Grant, end: str) -> None:
    access = get_site_for(alice, "north")
    if end == "revoked":
        alices_grant.revoke()
    elif end == "account closed":
        alice.is_active = False
        alice.save()
    else:
        north.enabled = False
        north.save()

    refusal(alice, "north")
    assert sites_for(alice) == []
    reason = still_live([access.key])[access.key]
    assert reason.startswith({"revoked": "Your access to North Terminal was withdrawn at ",
                              "account closed": "Your account was disabled.",
                              "site off": "North Terminal was switched off."}[end])  # fmt: skip


def test_a_scope_that_the_role_does_not_hold_is_the_same_404(bob: Any, north: Site, bobs_grant: Grant) -> None:
    assert refusal(bob, "north", scope="setpoint:write") == refusal(bob, "no-such-site")
    with pytest.raises(ValueError, match="unknown scope"):
        get_site_for(bob, "north", scope="everything")


def test_of_several_grants_the_widest_counts_and_rights_are_never_added_up(alice: Any, north: Site) -> None:
    give(alice, "auditor", north)
    operator = give(alice, "field-operator", north)
    give(alice, "viewer", north, days=60)

    access = get_site_for(alice, "north")

    assert access.grant_id == operator.pk
    assert not access.allows("audit:read")
    assert get_site_for(alice, "north", scope="audit:read").role_name == "auditor"
    assert [each.grant_id for each in sites_for(alice)] == [operator.pk]


def test_equal_grants_the_one_that_ends_last_counts(alice: Any, north: Site) -> None:
    other = role("viewer")
    other.pk, other.slug, other.name = None, "guest", "guest"
    other.save()
    give(alice, "viewer", north, days=1)
    later = give(alice, "guest", north, days=2)

    assert get_site_for(alice, "north").grant_id == later.pk


def test_my_sites_are_mine_alone_by_name(alice: Any, bob: Any, charlie: Any, north: Site, south: Site) -> None:
    give(alice, "viewer", south)
    give(alice, "viewer", north)
    give(bob, "viewer", south)

    assert [access.site.slug for access in sites_for(alice)] == ["north", "south"]
    assert [access.site.slug for access in sites_for(bob)] == ["south"]
    assert sites_for(charlie) == sites_for(AnonymousUser()) == []


def test_superuser_sees_no_site_by_itself_and_no_process_data_by_a_grant(
    north: Site, alice: Any, alices_grant: Grant
) -> None:
    root = make_person("root", is_superuser=True, is_staff=True)
    refusal(root, "north")

    # Becoming a superuser later takes the process data away, too.
    alice.is_superuser = True
    alice.save()
    refusal(alice, "north")


def test_last_week_of_an_access_is_told_unless_it_goes_on(
    approval: None, alice: Any, erin: Any, north: Site, south: Site, django_assert_num_queries: Any
) -> None:
    week = dt.timedelta(days=7)
    long = give(alice, "viewer", north, days=30)
    with django_assert_num_queries(0):
        assert ending_soon([access_under(long)]) == {}
    soon = give(alice, "viewer", south, days=6)
    accesses = sites_for(alice)
    assert ending_soon(accesses) == {"south": soon.valid_until}
    waiting = give(alice, "field-operator", south, days=20)  # it may be refused: nothing goes on yet
    with django_assert_num_queries(1):
        assert ending_soon(accesses) == {"south": soon.valid_until}
    waiting.approve(erin)
    assert ending_soon(accesses) == {}
    assert ending_soon(accesses, soon.valid_until - 2 * week) == {}


# --- what an open page holds --------------------------------------------------------------------------------------


def test_live_accesses_are_told_from_ended_ones_in_one_query(
    alice: Any, bob: Any, north: Site, alices_grant: Grant, bobs_grant: Grant, django_assert_num_queries: Any
) -> None:
    keys = [get_site_for(alice, "north").key, get_site_for(bob, "north").key]
    bobs_grant.revoke()

    with django_assert_num_queries(1):
        ended = still_live(keys)

    assert list(ended) == [keys[1]]
    with django_assert_num_queries(0):
        assert still_live([]) == {}


def test_the_reason_names_the_hour_at_the_site(alice: Any, north: Site) -> None:
    until = (dt.datetime.now(OSLO) + dt.timedelta(days=10)).replace(hour=14, minute=0, second=0, microsecond=0)
    give(alice, "viewer", north, valid_until=until)
    key = get_site_for(alice, "north").key

    assert still_live([key], until) == {key: "Your access to North Terminal ended at 14:00."}
    assert still_live([key], until - dt.timedelta(microseconds=1)) == {}


def test_the_reason_is_in_the_language_of_its_person_and_english_for_programs(alice: Any, north: Site) -> None:
    until = (dt.datetime.now(OSLO) + dt.timedelta(days=10)).replace(hour=14, minute=0, second=0, microsecond=0)
    alice.language = "fi"
    alice.save()
    give(alice, "viewer", north, valid_until=until)
    key = get_site_for(alice, "north").key
    later = until + dt.timedelta(days=1)
    with translation.override("fi"):
        in_finnish = gettext("Your access to %(site)s ended at %(clock)s on %(day)s.")
        day = date_text(until)
    facts = {"site": "North Terminal", "clock": "14:00"}
    with translation.override("de"):
        assert still_live([key], later, to_people=True) == {key: in_finnish % (facts | {"day": day})}
        in_english = still_live([key], later)[key]
    assert in_english == f"Your access to North Terminal ended at 14:00 on {date_text(until)}."


def test_changed_grant_counts_as_ended(alice: Any, north: Site, alices_grant: Grant) -> None:
    key = get_site_for(alice, "north").key
    alices_grant.valid_until += dt.timedelta(days=1)
    alices_grant.save()

    assert still_live([key]) == {key: "Your access to North Terminal was changed."}
    assert still_live([get_site_for(alice, "north").key]) == {}


def test_changed_role_counts_as_ended(alice: Any, north: Site, alices_grant: Grant) -> None:
    key = get_site_for(alice, "north").key
    changed = role("field-operator")
    changed.scopes = "status:read data:live"
    changed.save()

    assert still_live([key]) == {key: "What your role field operator may do at North Terminal was changed."}
    assert get_site_for(alice, "north").scopes == {"status:read", "data:live"}


def test_unknown_grant_counts_as_ended(alice: Any, north: Site, alices_grant: Grant) -> None:
    key = get_site_for(alice, "north").key
    Grant.objects.filter(pk=alices_grant.pk).delete()

    assert still_live([key]) == {key: "Your access to this site ended."}


# --- written past the application (threat T17) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "valid_until = '2999-01-01 00:00:00'",
        "site_id = (SELECT id FROM sites_site WHERE slug = 'south')",
        "user_id = (SELECT id FROM accounts_user WHERE username = 'charlie')",
        "role_id = (SELECT id FROM accounts_role WHERE slug = 'shift-supervisor')",
        "epoch = epoch + 1",
    ],
)
def test_row_changed_by_sql_opens_nothing(
    alice: Any, charlie: Any, north: Site, south: Site, alices_grant: Grant, change: str, caplog: Any
) -> None:
    key = get_site_for(alice, "north").key
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE sites_grant SET {change}")

    for person in (alice, charlie):
        for slug in ("north", "south"):
            refusal(person, slug)
    assert key in still_live([key])
    assert "was not written by this application" in caplog.text


def test_grant_sealed_under_a_former_secret_still_counts(
    alice: Any, north: Site, alices_grant: Grant, settings: Any
) -> None:
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another secret of the web app, long enough to be one at all"
    refusal(alice, "north")
    settings.SECRET_KEY_FALLBACKS = [former]
    assert get_site_for(alice, "north").grant_id == alices_grant.pk


# --- on the event loop -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
async def test_async_twins_answer_the_same(alice: Any, charlie: Any, north: Site, alices_grant: Grant) -> None:
    access = await aget_site_for(alice, "north")

    assert access.grant_id == alices_grant.pk
    assert [each.key for each in await asites_for(alice)] == [access.key]
    with pytest.raises(Http404):
        await aget_site_for(charlie, "north")
