"""Groups of a company as roles at sites: given at the sign-in, gone with the group, and never a role that writes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.company_sign_on import signed_in_with_groups
from hmi.company_settings import Company
from hmi.sites.models import CompanyGroup, Grant, Site
from tests.hmi.sites.people import give, make_person, role

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
