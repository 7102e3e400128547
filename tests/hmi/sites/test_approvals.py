"""Lengthening, giving many at once, and roles that must not grow under those who hold them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from hmi.sites.access import get_site_for
from hmi.sites.approvals import extend, give_all, plan_grants
from hmi.sites.models import Grant, Site
from tests.hmi.sites.people import give, role

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def test_looking_role_is_lengthened_in_place(approval: None, bob: Any, dora: Any, bobs_grant: Grant) -> None:
    until = bobs_grant.valid_until + 30 * DAY
    assert extend(bobs_grant, until, "still needed", dora).pk == bobs_grant.pk
    assert Grant.objects.get().valid_until == until


def test_lengthening_a_write_role_counts_as_a_new_grant(
    approval: None, alice: Any, dora: Any, erin: Any, north: Site, now_is: Any
) -> None:
    first = give(alice, "field-operator", north, days=3, granted_by=dora)
    first.approve(erin)
    until = first.valid_until + 10 * DAY

    following = extend(first, until, "night shifts go on", erin)

    assert (following.valid_from, following.valid_until, following.approval) == (first.valid_until, until, "pending")
    assert get_site_for(alice, "north").grant_id == first.pk  # which goes on as it was
    with pytest.raises(ValidationError, match="somebody else has to approve"):
        following.approve(erin)
    following.approve(dora)
    now_is(first.valid_until)
    assert get_site_for(alice, "north").grant_id == following.pk


@pytest.mark.parametrize("what", ["own", "revoked", "shorter", "too long", "pending"])
def test_what_cannot_be_lengthened(
    approval: None, bob: Any, dora: Any, north: Site, bobs_grant: Grant, what: str
) -> None:
    grant, until, by = bobs_grant, bobs_grant.valid_until + DAY, dora
    if what == "own":
        by = bob
    elif what == "revoked":
        grant.revoke()
    elif what == "shorter":
        until = grant.valid_until - DAY
    elif what == "too long":
        until = timezone.now() + 367 * DAY
    else:
        grant = give(bob, "field-operator", north)
        until = grant.valid_until + DAY
    words = {
        "own": "cannot grant yourself", "revoked": "give a new grant", "shorter": "already", "too long": "at most",
        "pending": "waits for approval",
    }[what]  # fmt: skip
    with pytest.raises(ValidationError, match=words):
        extend(grant, until, "why not", by)


def test_many_are_planned_without_storing_and_then_given(
    approval: None, alice: Any, bob: Any, dora: Any, north: Site, south: Site, bobs_grant: Grant
) -> None:
    facts: dict[str, Any] = {"start": timezone.now(), "end": None, "reason": "turnaround", "by": dora}
    planned = plan_grants([alice, bob, dora], [north, south], role("viewer"), **facts)

    assert Grant.objects.count() == 1
    words = {(plan.grant.user.username, plan.grant.site.slug): plan.refused for plan in planned}
    assert words[("alice", "north")] == words[("bob", "south")] == ""
    assert "already holds viewer" in words[("bob", "north")]
    assert "cannot grant yourself" in words[("dora", "south")]

    give(alice, "viewer", south)  # somebody else was quicker
    done = give_all(planned)
    assert [bool(plan.refused) for plan in done] == [False, True, True, False, True, True]
    assert Grant.objects.filter(granted_by=dora).count() == 2
    writing = plan_grants([alice], [north], role("field-operator"), **facts)
    assert writing[0].waits
    assert "alice also holds viewer" in writing[0].warning


# --- roles ---------------------------------------------------------------------------------------------------------


def test_role_that_people_hold_gains_no_right_that_nobody_approved(approval: None, bob: Any, bobs_grant: Grant) -> None:
    viewer = role("viewer")
    viewer.scopes += " setpoint:write"
    with pytest.raises(ValidationError, match=r"nobody approved setpoint:write"):
        viewer.save()
    assert not get_site_for(bob, "north").allows("setpoint:write")
    viewer.scopes = "status:read data:live diag:read"  # other rights come and go
    viewer.save()
    bobs_grant.revoke()
    viewer.scopes += " alarm:ack"
    viewer.save()


def test_without_the_setting_roles_change_freely(bobs_grant: Grant) -> None:
    viewer = role("viewer")
    viewer.scopes += " setpoint:write"
    viewer.save()
