"""Groups of a company as roles at sites: given at the sign-in, gone with the group, and never a role that writes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.company_sign_on import signed_in_with_groups
from hmi.company_settings import Company
from hmi.sites.models import CompanyGroup, Grant, Site
from tests.hmi.sites.people import give, make_administrator, make_person, role

pytestmark = pytest.mark.django_db
SHIFT = 12 * 3600


@pytest.fixture
def alice(db):
    return make_person("alice")


@pytest.fixture
def north(db, settings):
    settings.GRANT_APPROVAL = True
    settings.COMPANY_SIGN_ON = (Company("acme", "Acme", "https://login.example", "id", "x" * 20),)
    return Site.objects.create(slug="north", name="North Terminal")


def say(group, role_slug, site):
    row = CompanyGroup(company="acme", group=group, role=role(role_slug), site=site)
    row.full_clean()
    row.save()
    return row


def come(person, *groups, company="acme"):
    signed_in_with_groups.send(sender=None, person=person, company=company, groups=frozenset(groups), seconds=SHIFT)


def live(person):
    return sorted(grant.role.slug for grant in Grant.objects.live().filter(user=person))


def test_member_gets_the_role_for_a_shift(alice, north):
    say("readers", "viewer", north)
    come(alice, "readers", "something else")
    grant = Grant.objects.get()
    assert live(alice) == ["viewer"]
    assert grant.valid_until - grant.valid_from == dt.timedelta(seconds=SHIFT)
    assert grant.granted_by is None
    assert "readers" in grant.reason


def test_others_get_nothing(alice, north):
    say("readers", "viewer", north)
    come(alice)
    come(alice, "Readers")
    come(alice, "readers", company="other")
    assert live(alice) == []


def test_role_goes_with_the_group(alice, north):
    say("readers", "viewer", north)
    come(alice, "readers")
    come(alice, "other")
    assert live(alice) == []
    assert "readers" in Grant.objects.get().end_reason


def test_role_goes_with_the_row(alice, north):
    row = say("readers", "viewer", north)
    come(alice, "readers")
    row.delete()
    come(alice, "readers")
    assert live(alice) == []


def test_second_sign_in_disturbs_no_open_page(alice, north):
    say("readers", "viewer", north)
    come(alice, "readers")
    before = Grant.objects.get()
    come(alice, "readers")
    before.refresh_from_db()
    assert (before.epoch, before.revoked_at) == (1, None)
    following = Grant.objects.exclude(pk=before.pk).first()
    assert following is None or following.valid_from == before.valid_until


def test_grant_given_by_hand_stays(alice, north):
    by_hand = give(alice, "viewer", north, days=3)
    say("readers", "viewer", north)
    come(alice, "readers")
    come(alice)
    by_hand.refresh_from_db()
    assert by_hand.revoked_at is None
    assert Grant.objects.count() == 1


def test_role_that_writes_is_not_given_by_a_group(alice, north, settings):
    with pytest.raises(ValidationError, match="second person"):
        say("operators", "field-operator", north)
    CompanyGroup.objects.create(company="acme", group="operators", role=role("field-operator"), site=north)
    come(alice, "operators")
    assert not Grant.objects.exists(), "a row that got in all the same gives nothing"
    settings.GRANT_APPROVAL = False
    come(alice, "operators")
    assert live(alice) == ["field-operator"]


def test_company_that_is_not_configured_is_refused(north):
    with pytest.raises(ValidationError, match="no company sign-on"):
        CompanyGroup(company="other", group="readers", role=role("viewer"), site=north).full_clean()


def test_superuser_signs_in_without_process_data(north):
    root = make_person("root", is_superuser=True, is_staff=True)
    say("readers", "viewer", north)
    come(root, "readers")
    assert live(root) == []


def test_switched_off_site_gives_nothing(alice, north):
    say("readers", "viewer", north)
    north.enabled = False
    north.save()
    come(alice, "readers")
    assert not Grant.objects.filter(valid_until__gt=timezone.now()).exists()


# --- beside grants that were given by hand ------------------------------------------------------------------------


def hours(count):
    return dt.timedelta(hours=count)


def test_grant_that_waits_for_approval_is_no_access(alice, north, settings):
    """It opens nothing, so whoever may come in by a group comes in all the same, and it goes on waiting."""
    waiting = give(alice, "field-operator", north)
    assert waiting.approval == "pending"
    settings.GRANT_APPROVAL = False  # grants that waited go on waiting; a group may give the role now
    say("operators", "field-operator", north)
    come(alice, "operators")
    assert live(alice) == ["field-operator"]
    waiting.refresh_from_db()
    assert (waiting.approval, waiting.revoked_at) == ("pending", None)
    come(alice, "operators")
    assert len(live(alice)) == 1, "the one from the group stands, and is not given twice"


def test_refused_grant_is_no_access(alice, north, settings):
    refused = give(alice, "field-operator", north)
    refused.refuse(make_administrator("erin"), "not on this shift")
    settings.GRANT_APPROVAL = False
    say("operators", "field-operator", north)
    come(alice, "operators")
    assert live(alice) == ["field-operator"]


def test_grant_that_starts_later_leaves_the_time_before_it(alice, north):
    now = timezone.now()
    later = give(alice, "viewer", north, valid_from=now + hours(2), valid_until=now + hours(72))
    say("readers", "viewer", north)
    come(alice, "readers")
    assert live(alice) == ["viewer"]
    assert Grant.objects.exclude(pk=later.pk).get().valid_until == later.valid_from


def test_time_around_a_short_grant_is_filled(alice, north):
    now = timezone.now()
    short = give(alice, "viewer", north, valid_from=now + hours(2), valid_until=now + hours(3))
    say("readers", "viewer", north)
    come(alice, "readers")
    before, after = Grant.objects.exclude(pk=short.pk).order_by("valid_from")
    assert before.valid_until == short.valid_from
    assert after.valid_from == short.valid_until
    assert after.valid_until - before.valid_from == dt.timedelta(seconds=SHIFT)
    come(alice)
    assert live(alice) == []
    short.refresh_from_db()
    assert short.revoked_at is None


def test_grant_given_by_hand_does_not_pass_one_that_waits(alice, north, settings):
    give(alice, "field-operator", north)
    settings.GRANT_APPROVAL = False
    with pytest.raises(ValidationError, match="waits for approval already"):
        give(alice, "field-operator", north)
