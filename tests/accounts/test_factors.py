"""Who needs a second factor, by role and setting; and that a sign-in from before a change does not go on."""

from __future__ import annotations

import datetime as dt

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts import factors, one_time_codes
from accounts.assurance import AMR
from accounts.audit.models import Event
from accounts.models import Role
from hmi.sites.models import Grant, Site
from tests.accounts.factor_help import give_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def north(db):
    return Site.objects.create(slug="north", name="North Terminal")


@pytest.fixture(autouse=True)
def without_approval(settings):
    settings.GRANT_APPROVAL = False


def hold(person, role, site):
    return Grant.objects.create(
        user=person,
        role=Role.objects.get(slug=role),
        site=site,
        valid_until=timezone.now() + dt.timedelta(days=1),
        reason="operates the site",
    )


@pytest.mark.parametrize(
    ("role", "needed"),
    [
        ("viewer", False),
        ("auditor", False),
        ("field-operator", True),
        ("shift-supervisor", True),
        ("maintenance-engineer", True),  # shelves alarms
        ("site-administrator", True),  # by the flag of its row
    ],
)
def test_setting_write_asks_those_who_change_something(settings, alice, north, role, needed):
    settings.SECOND_FACTOR = "write"
    hold(alice, role, north)
    assert factors.needs_second_factor(alice) is needed
    assert factors.role_needs_second_factor(Role.objects.get(slug=role)) is needed


def test_setting_write_asks_administrators(settings, alice, root):
    settings.SECOND_FACTOR = "write"
    assert not factors.needs_second_factor(alice)
    assert factors.needs_second_factor(root)


def test_setting_always_asks_everybody_and_off_nobody(settings, alice, north):
    settings.SECOND_FACTOR = "always"
    assert factors.needs_second_factor(alice)
    hold(alice, "shift-supervisor", north)
    settings.SECOND_FACTOR = "off-on-loopback"
    assert not factors.needs_second_factor(alice)


def test_flag_on_the_role_is_honoured(settings, alice, north):
    settings.SECOND_FACTOR = "write"
    hold(alice, "viewer", north)
    Role.objects.filter(slug="viewer").update(requires_second_factor=True)
    assert factors.needs_second_factor(alice)


def test_ended_grant_asks_nobody(settings, alice, north):
    settings.SECOND_FACTOR = "write"
    hold(alice, "field-operator", north).revoke()
    assert not factors.needs_second_factor(alice)


def test_recovery_codes_alone_are_no_factor(alice):
    one_time_codes.make_recovery_codes(alice)
    assert not factors.has_second_factor(alice)
    app = give_app(alice)
    assert factors.has_second_factor(alice)
    assert app


def test_last_factor_takes_the_recovery_codes_with_it(alice):
    give_app(alice)
    one_time_codes.make_recovery_codes(alice)
    factors.remove_factor(alice, factors.factors_of(alice)[0])
    assert not Authenticator.objects.exists()


def test_reset_takes_everything_and_ends_every_sign_in(client, alice, root):
    give_app(alice)
    one_time_codes.make_recovery_codes(alice)
    client.force_login(alice)
    assert factors.reset_factors(alice, actor=root) == 1
    assert not Authenticator.objects.exists()
    assert client.get("/account/sign-ins/").status_code == 302
    event = Event.objects.get(tag="person:factor:reset")
    assert (event.actor, event.subject) == (str(root.subject), str(alice.subject))


@pytest.mark.django_db(transaction=True)
class TestWeakSessions:
    @pytest.fixture
    def signed_in(self, client, alice):
        client.force_login(alice)
        return client

    def strengthen(self, client):
        session = client.session
        session[AMR] = ["pwd", "otp", "mfa"]
        session.save()

    def test_site_is_not_there_for_a_password_alone(self, settings, signed_in, alice, north):
        settings.SECOND_FACTOR = "write"
        hold(alice, "field-operator", north)
        assert signed_in.head("/sites/north/").status_code == 403
        assert "North Terminal" not in signed_in.get("/").content.decode()
        self.strengthen(signed_in)
        assert signed_in.head("/sites/north/").status_code == 200

    def test_role_that_only_looks_is_there(self, settings, signed_in, alice, north):
        settings.SECOND_FACTOR = "write"
        hold(alice, "viewer", north)
        assert signed_in.head("/sites/north/").status_code == 200
        settings.SECOND_FACTOR = "always"
        assert signed_in.head("/sites/north/").status_code == 403

    def test_role_that_asks_for_more_ends_weak_sign_ins_of_its_holders(self, settings, signed_in, alice, bob, north):
        settings.SECOND_FACTOR = "write"
        hold(alice, "viewer", north)
        others = Client()
        others.force_login(bob)
        role = Role.objects.get(slug="viewer")
        role.requires_second_factor = True
        role.save()
        assert signed_in.get("/").status_code == 302
        assert others.get("/").status_code == 200
        assert Session.objects.count() >= 1

    def test_strong_sign_ins_go_on(self, settings, signed_in, alice, north):
        settings.SECOND_FACTOR = "write"
        hold(alice, "viewer", north)
        self.strengthen(signed_in)
        role = Role.objects.get(slug="viewer")
        role.requires_second_factor = True
        role.save()
        assert signed_in.get("/").status_code == 200

    def test_administration_is_not_there_for_a_password_alone(self, settings, client, root):
        settings.SECOND_FACTOR = "write"
        client.force_login(root)
        page = client.get("/admin/", follow=True)
        assert page.redirect_chain[-1][0].startswith("/confirm/")
        self.strengthen(client)
        assert client.get("/admin/").status_code == 200
