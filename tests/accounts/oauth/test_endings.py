"""What ends a person's own access ends that of other applications in their name, whether or not it can be recorded."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import factors
from accounts.audit.models import Event
from accounts.models import Role
from accounts.oauth import authorizations, endings
from accounts.oauth.models import SiteAuthorization
from accounts.oauth.places import find_place
from tests.accounts.factor_help import give_app
from tests.hmi.live.people import give, make_person, make_site
from tests.support.oauth_client import register

pytestmark = pytest.mark.django_db
How = SiteAuthorization.How


@pytest.fixture
def alice(db: Any) -> Any:
    return make_person("alice")


@pytest.fixture
def access(alice: Any) -> SiteAuthorization:
    """An application that alice let look at her site."""
    site = make_site()
    give(alice, "viewer", site)
    place = find_place(alice, site.audience)
    assert place is not None
    return authorizations.begin(
        place, user=alice, application=register("native"), scopes=place.scopes, how=How.CODE, now=timezone.now()
    )


@pytest.fixture
def administration() -> Client:
    client = Client()
    client.force_login(make_person("root", is_superuser=True, is_staff=True))
    return client


def why_over(access: SiteAuthorization) -> str:
    access.refresh_from_db()
    return access.ended_because if access.ended_at is not None else ""


def sign_out_everywhere(administration: Client, person: Any) -> Any:
    return administration.post("/admin/accounts/user/", {"action": "end_sessions", "_selected_action": [person.pk]})


def test_sign_out_everywhere_reaches_applications(
    administration: Client, alice: Any, access: SiteAuthorization
) -> None:
    sign_out_everywhere(administration, alice)
    assert why_over(access) == "An administrator signed the person out everywhere."
    event = Event.objects.get(tag="token:oauth:ended")
    assert event.username == "root"
    assert str(alice.subject) in event.facts


def test_new_password_reaches_applications(alice: Any, access: SiteAuthorization) -> None:
    alice.set_password("another long sentence")
    alice.save()
    assert why_over(access) == "The person's password was changed."


def test_closed_account_reaches_applications(alice: Any, access: SiteAuthorization) -> None:
    alice.is_active = False
    alice.save()
    assert why_over(access) == "The person's account was disabled."


@pytest.mark.parametrize("has_factor", [True, False])
def test_reset_of_factors_reaches_applications(alice: Any, access: SiteAuthorization, has_factor: bool) -> None:
    """Also of somebody who has none any more: a reset says that the person's devices may be in other hands."""
    if has_factor:
        give_app(alice)
    factors.reset_factors(alice)
    assert why_over(access) == "The person's second factors were taken away."


def test_one_factor_of_two_taken_away_reaches_applications(alice: Any, access: SiteAuthorization) -> None:
    """The phone with the passkey is lost: what was allowed on it ends, as its sign-in does."""
    give_app(alice)
    Authenticator.objects.create(user=alice, type=Authenticator.Type.WEBAUTHN, data={})
    factors.remove_factor(alice, Authenticator.objects.get(type=Authenticator.Type.TOTP))
    assert factors.has_second_factor(alice)
    assert why_over(access) == "A second factor of the person was taken away."


def test_used_recovery_codes_reach_nothing(alice: Any, access: SiteAuthorization) -> None:
    give_app(alice)
    codes = Authenticator.objects.create(user=alice, type=Authenticator.Type.RECOVERY_CODES, data={})
    codes.delete()  # made anew
    assert why_over(access) == ""


def test_taking_away_does_not_wait_for_the_trail(administration: Client, alice: Any, access: SiteAuthorization) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    assert sign_out_everywhere(administration, alice).status_code == 302
    assert why_over(access)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_factor", [False, True])
def test_role_that_needs_a_second_factor_now_ends_what_was_allowed_without_one(
    alice: Any, access: SiteAuthorization, settings: Any, has_factor: bool
) -> None:
    settings.SECOND_FACTOR = factors.WRITE
    if has_factor:
        give_app(alice)  # asked for at each sign-in, also of those who need none
    role = Role.objects.get(slug="viewer")
    role.default_days = 60
    role.save()
    assert why_over(access) == "", "another change of the role"
    role.requires_second_factor = True
    role.save()
    assert why_over(access) == ("" if has_factor else endings.FACTOR_WANTED)
