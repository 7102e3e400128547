"""Who may give what to whom, for how long, and what waits for a second person."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import Http404
from django.test import RequestFactory
from django.utils import timezone

from accounts.audit.context import answering
from hmi.sites.access import get_site_for, sites_for, still_live
from hmi.sites.errors import AccessEnded
from hmi.sites.grant_rules import beside, default_end
from hmi.sites.models import Grant, Site
from hmi.sites.tokens import access_token_for
from tests.hmi.sites.people import give, make_administrator, make_person, role

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
WRITE_ROLES = ("field-operator", "shift-supervisor", "maintenance-engineer")
LOOKING_ROLES = ("viewer", "site-administrator", "auditor")


def as_person(person: Any) -> Any:
    request = RequestFactory().post("/")
    request.user = person
    return answering(request)


# --- lengths -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "days", "contractors"), [("viewer", 90, 7), ("field-operator", 30, 7), ("auditor", 90, 7)]
)
def test_usual_length_is_the_roles_and_a_week_for_contractors(slug: str, days: int, contractors: int) -> None:
    start = timezone.now()
    person, contractor = make_person("paul"), make_person("carl", is_contractor=True)
    assert default_end(role(slug), person, start) == start + days * DAY
    assert default_end(role(slug), contractor, start) == start + contractors * DAY


@pytest.mark.parametrize(
    ("slug", "contractor", "longest"),
    [("viewer", False, 366), ("viewer", True, 31), ("field-operator", False, 92), ("field-operator", True, 31)],
)
def test_no_grant_is_longer_than_its_role_allows(north: Site, slug: str, contractor: bool, longest: int) -> None:
    person = make_person("paul", is_contractor=contractor)
    start = timezone.now()
    with pytest.raises(ValidationError, match=f"for {longest} days at a time"):
        give(person, slug, north, valid_from=start, valid_until=start + longest * DAY + dt.timedelta(seconds=1))
    grant = give(person, slug, north, valid_from=start, valid_until=start + longest * DAY)
    grant.valid_until += DAY
    with pytest.raises(ValidationError, match="days at a time"):
        grant.save()


def test_grants_cannot_be_lined_up_into_one_without_an_end(alice: Any, north: Site) -> None:
    start = timezone.now() + 367 * DAY
    with pytest.raises(ValidationError, match="starts within 366 days"):
        give(alice, "viewer", north, valid_from=start, valid_until=start + DAY)


def test_shorter_limit_of_a_role_leaves_older_grants_alone(alice: Any, north: Site) -> None:
    grant = give(alice, "viewer", north, days=200)
    viewer = role("viewer")
    viewer.longest_days, viewer.default_days = 30, 30
    viewer.save()
    grant.reason = "still looks after the stock"
    grant.save()
    grant.revoke()


# --- who gives ---------------------------------------------------------------------------------------------------


def test_nobody_gives_himself_a_role_by_any_door(dora: Any, erin: Any, north: Site) -> None:
    with pytest.raises(ValidationError, match="cannot grant yourself"):
        give(dora, "viewer", north, granted_by=dora)
    with as_person(dora), pytest.raises(ValidationError, match="cannot grant yourself"):
        give(dora, "viewer", north)  # a script that names no giver
    with as_person(dora), pytest.raises(ValidationError, match="cannot grant yourself"):
        give(dora, "viewer", north, granted_by=erin)  # or somebody else
    grant = give(dora, "viewer", north, granted_by=erin)
    grant.valid_until += DAY
    with as_person(dora), pytest.raises(ValidationError, match="cannot grant yourself"):
        grant.save()


def test_who_gives_needs_the_permission_and_an_open_account(alice: Any, bob: Any, dora: Any, north: Site) -> None:
    with pytest.raises(ValidationError, match=r"bob may not grant roles: that needs the permission sites\.add_grant"):
        give(alice, "viewer", north, granted_by=bob)
    dora.is_active = False
    dora.save()
    with pytest.raises(ValidationError, match="dora may not grant"):
        give(alice, "viewer", north, granted_by=dora)


def test_closed_account_is_given_nothing(alice: Any, north: Site) -> None:
    alice.is_active = False
    alice.save()
    with pytest.raises(ValidationError, match="account of alice is closed"):
        give(alice, "viewer", north)


@pytest.mark.parametrize("name", ["user", "role", "site", "granted_by"])
def test_what_a_grant_is_never_changes(alices_grant: Grant, bob: Any, dora: Any, south: Site, name: str) -> None:
    other = {"user": bob, "role": role("viewer"), "site": south, "granted_by": dora}[name]
    setattr(alices_grant, name, other)
    with pytest.raises(ValidationError, match="of a grant never changes"):
        alices_grant.save()


def test_other_roles_at_the_site_are_told(alice: Any, north: Site, south: Site, alices_grant: Grant) -> None:
    viewer = give(alice, "viewer", north, days=3)
    assert beside(viewer).startswith("alice also holds field operator until ")
    assert beside(give(alice, "viewer", south)) == ""


# --- the second person -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", WRITE_ROLES)
def test_pending_grant_opens_nothing_anywhere(approval: None, alice: Any, dora: Any, north: Site, slug: str) -> None:
    grant = give(alice, slug, north, granted_by=dora)

    assert grant.approval == "pending"
    assert sites_for(alice) == []
    with pytest.raises(Http404):
        get_site_for(alice, "north")
    assert not grant.is_live(timezone.now())
    assert not Grant.objects.live().exists()


def test_nothing_is_opened_under_a_grant_that_lost_its_approval(
    approval: None, alice: Any, erin: Any, north: Site
) -> None:
    grant = give(alice, "field-operator", north)
    grant.approve(erin)
    access = get_site_for(alice, "north")
    assert access_token_for(access).user == alice
    Grant.objects.filter(pk=grant.pk).delete()
    waiting = give(alice, "field-operator", north)
    pretended = type(access)(**{**access.__dict__, "grant_id": waiting.pk, "grant_epoch": waiting.epoch})
    with pytest.raises(AccessEnded, match="not approved"):
        access_token_for(pretended)
    assert still_live([pretended.key]) == {pretended.key: "Your access to North Terminal was not approved."}


@pytest.mark.parametrize("slug", LOOKING_ROLES)
def test_roles_that_only_look_wait_for_nobody(approval: None, alice: Any, north: Site, slug: str) -> None:
    assert give(alice, slug, north).approval == "not-needed"


def test_without_the_setting_nothing_waits(alice: Any, north: Site) -> None:
    assert give(alice, "shift-supervisor", north).approval == "not-needed"


def test_approved_grant_opens_what_it_says(approval: None, alice: Any, dora: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, granted_by=dora)
    grant.approve(erin)
    assert get_site_for(alice, "north").allows("setpoint:write")
    assert (grant.epoch, grant.approved_by, grant.approved_at is None) == (2, erin, False)


def test_only_another_person_who_may_approves(approval: None, alice: Any, bob: Any, dora: Any, north: Site) -> None:
    receiver = make_administrator("frank")
    for person, words, grant in (
        (dora, "somebody else has to approve it", give(alice, "field-operator", north, granted_by=dora)),
        (receiver, "cannot approve your own", give(receiver, "field-operator", north, granted_by=dora)),
        (bob, "needs the permission sites.approve_grant", give(bob, "shift-supervisor", north, granted_by=dora)),
    ):
        for decide in (grant.approve, lambda by, it=grant: it.refuse(by, "no")):
            with pytest.raises(ValidationError, match=words if person is not bob else "cannot approve your own"):
                decide(person)
            assert grant.approval == "pending"
    with as_person(receiver), pytest.raises(ValidationError, match="cannot approve your own"):
        Grant.objects.get(user=receiver).approve(make_administrator("gina"))
    waiting = Grant.objects.get(user=alice)
    with pytest.raises(ValidationError, match="bob may not approve grants: that needs"):
        waiting.approve(bob)


def test_refusal_has_a_reason_and_ends_the_grant(approval: None, alice: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north)
    with pytest.raises(ValidationError, match="Say why"):
        grant.refuse(erin, "  ")
    grant.refuse(erin, "not trained for this terminal")
    stored = Grant.objects.get()
    assert (stored.approval, stored.revoked_by, stored.end_reason) == ("refused", erin, "not trained for this terminal")
    with pytest.raises(ValidationError):
        stored.approve(erin)
    give(alice, "field-operator", north)  # a refused grant stands in nobody's way


def test_approval_is_not_written_by_hand(approval: None, alice: Any, erin: Any, north: Site) -> None:
    made = give(alice, "field-operator", north, approval="approved", approved_by=erin, approved_at=timezone.now())
    assert (made.approval, made.approved_by) == ("pending", None)
    for facts in (
        {"approval": "approved"},
        {"approval": "not-needed"},
        {"approved_by": erin, "approved_at": timezone.now()},
        {"approval": "refused", "revoked_by": erin},
    ):
        grant = Grant.objects.get()
        for name, value in facts.items():
            setattr(grant, name, value)
        with pytest.raises(ValidationError):
            grant.save()
    assert Grant.objects.get().approval == "pending"


def test_what_was_approved_is_not_widened_afterwards(approval: None, alice: Any, erin: Any, north: Site) -> None:
    grant = give(alice, "field-operator", north, days=10)
    for change, words in (({"valid_until": DAY}, "waits for approval does not change"), ({"reason": "x"}, "reason is")):
        wider = Grant.objects.get()
        wider.valid_until += change.get("valid_until", 0 * DAY)
        wider.reason = change.get("reason", wider.reason)
        with pytest.raises(ValidationError, match=words):
            wider.save()
    grant.approve(erin)
    for delta, words in ((DAY, "counts as a new grant"), (-DAY, "")):
        changed = Grant.objects.get()
        changed.valid_until += delta
        if words:
            with pytest.raises(ValidationError, match=words):
                changed.save()
        else:
            changed.save()
    earlier = Grant.objects.get()
    earlier.valid_from -= DAY
    with pytest.raises(ValidationError, match="counts as a new grant"):
        earlier.save()


def test_approving_and_changing_at_once_is_refused(approval: None, alice: Any, erin: Any, north: Site) -> None:
    give(alice, "field-operator", north, days=10)
    first, second = Grant.objects.get(), Grant.objects.get()
    second.valid_until -= DAY
    second.save()
    with pytest.raises(ValidationError, match="as it was given"):
        first.approve(erin)
    second.revoke()
    with pytest.raises(ValidationError, match="history"):
        Grant.objects.get().approve(erin)


def test_grant_whose_time_is_over_is_not_approved(
    approval: None, alice: Any, erin: Any, north: Site, now_is: Any
) -> None:
    grant = give(alice, "field-operator", north, days=1)
    now_is(grant.valid_until)
    with pytest.raises(ValidationError, match="time of this grant is over"):
        grant.approve(erin)
