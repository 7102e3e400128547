"""Why somebody can or cannot: the answer never differs from what the site's door does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.utils import timezone

from hmi.sites import explain
from hmi.sites.access import get_site_for
from hmi.sites.explain import Reason, Why, explain_access
from hmi.sites.models import Grant, Site
from relay_bridge.contract.scopes import SCOPES
from tests.hmi.sites.people import give, make_person, role

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def opens(user: Any, site: Site, scope: str) -> bool:
    try:
        get_site_for(user, site.slug, scope=scope)
    except Http404:
        return False
    return True


def about(user: Any, site: Site, scope: str = "setpoint:write") -> Reason:
    reasons = explain_access(user, site)
    assert [reason.scope for reason in reasons] == list(SCOPES)
    assert {reason.scope for reason in reasons if reason.allowed} == {s for s in SCOPES if opens(user, site, s)}
    return next(reason for reason in reasons if reason.scope == scope)


def test_no_grant(alice: Any, north: Site) -> None:
    reason = about(alice, north)
    assert (reason.why, reason.words) == (Why.NO_GRANT, "alice has no grant at North Terminal.")
    assert reason.told == "You have no access to North Terminal."


def test_granted_names_role_giver_end_and_reason(approval: None, alice: Any, dora: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora, reason="night shift")
    grant.approve(erin)
    reason = about(alice, north)
    assert (reason.allowed, reason.grant_id, reason.until) == (True, grant.pk, grant.valid_until)
    assert reason.words.startswith("As field operator, given by dora, approved by erin, until ")
    assert reason.words.endswith("(Europe/Oslo): night shift")
    assert "dora" not in reason.told


def test_pending(approval: None, alice: Any, dora: Any, north: Site) -> None:
    give(alice, "field-operator", north, granted_by=dora)
    assert about(alice, north).words == (
        "The grant as field operator, given by dora, waits for a second person's approval."
    )
    assert about(alice, north, "audit:read").why is Why.NO_GRANT


def test_ended_says_when_in_the_sites_time(alice: Any, north: Site, now_is: Callable[[dt.datetime], None]) -> None:
    start = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    give(alice, "field-operator", north, valid_from=start, valid_until=start + HOUR)
    now_is(start + 2 * HOUR)
    reason = about(alice, north)
    assert reason.why is Why.ENDED
    assert "(Europe/Oslo)" in reason.told
    assert reason.told.startswith("Your access as field operator ended at 1")


def test_another_day_is_named(alice: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, days=60)
    told = {now: explain_access(alice, north, now)[0].told for now in (grant.valid_until - HOUR, grant.valid_from)}
    today, another_day = told.values()
    assert today.endswith("(Europe/Oslo) today.")
    assert today.removesuffix(" today.")[-20:] == another_day.removesuffix(".")[-20:]
    assert f" {grant.valid_until.year} " in another_day


def test_every_reason_that_a_grant_can_give_has_its_sentence() -> None:
    without_grant = {Why.ACCOUNT_CLOSED, Why.SITE_OFF, Why.NO_GRANT}
    assert sorted([*explain._DATED, *explain._UNDATED]) == sorted(set(Why) - without_grant)


def test_starts_later(alice: Any, north: Site) -> None:
    give(alice, "field-operator", north, valid_from=timezone.now() + HOUR)
    assert about(alice, north).why is Why.STARTS_LATER


def test_revoked_names_who_and_why_to_the_administrator_only(alice: Any, dora: Any, north: Site) -> None:
    give(alice, "field-operator", north).revoke(by=dora, reason="changed site")
    reason = about(alice, north)
    assert reason.why is Why.REVOKED
    assert reason.words.endswith("by dora: changed site")
    assert "dora" not in reason.told
    assert "changed site" not in reason.told


def test_refused(approval: None, alice: Any, erin: Any, north: Site) -> None:
    give(alice, "field-operator", north).refuse(erin, "not trained")
    assert about(alice, north).why is Why.REFUSED
    assert "was not approved" in about(alice, north).told


def test_role_lacks_it_comes_before_what_is_over(bob: Any, north: Site, bobs_grant: Grant) -> None:
    give(bob, "field-operator", north, days=1).revoke()
    reason = about(bob, north)
    assert (reason.why, reason.role) == (Why.ROLE_LACKS, "viewer")
    assert reason.told == "Your role viewer at North Terminal does not allow this."


def test_what_waits_comes_before_what_the_role_lacks(approval: None, bob: Any, north: Site, bobs_grant: Grant) -> None:
    give(bob, "field-operator", north)
    assert about(bob, north).why is Why.PENDING
    assert about(bob, north, "data:live").allowed


def test_site_off_and_account_closed(alice: Any, north: Site, alices_grant: Grant) -> None:
    north.enabled = False
    north.save()
    assert about(alice, north).words == "North Terminal is switched off."
    alice.is_active = False
    alice.save()
    assert about(alice, north).told == "Your account is closed."


def test_superuser_and_foreign_row(alice: Any, north: Site, alices_grant: Grant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sites_grant SET epoch = 9")
    assert about(alice, north).why is Why.NOT_OURS
    alices_grant.save()
    alice.is_superuser = True
    alice.save()
    assert about(alice, north).why is Why.SUPERUSER


def test_of_several_grants_the_door_and_the_reason_choose_the_same(alice: Any, north: Site) -> None:
    give(alice, "auditor", north)
    give(alice, "viewer", north, days=60)
    operator = give(alice, "field-operator", north)
    for scope in ("data:live", "setpoint:write"):
        assert about(alice, north, scope).grant_id == operator.pk == get_site_for(alice, "north").grant_id
    assert about(alice, north, "audit:read").role == "auditor"


def test_unreadable_role_is_no_yes(alice: Any, north: Site, alices_grant: Grant) -> None:
    type(role("viewer")).objects.filter(pk=alices_grant.role_id).update(scopes="data:live all:power")
    assert not about(alice, north, "data:live").allowed


def test_one_query_however_many_grants(north: Site, django_assert_num_queries: Any) -> None:
    person = make_person("paul")
    for slug in ("viewer", "field-operator", "auditor", "maintenance-engineer"):
        give(person, slug, north)
    with django_assert_num_queries(1):
        explain_access(person, north)
