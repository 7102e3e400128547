"""Changing one's own password: with the old one, confirmed where there is a factor, and ending all other sign-ins."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from accounts.assurance import STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.audit.models import Event
from tests.accounts.conftest import ALICES_PASSWORD
from tests.accounts.factor_help import give_app

pytestmark = pytest.mark.django_db
PAGE = "/account/password/"
NEW = "seven slow brown foxes"


def post(client, old=ALICES_PASSWORD, new=NEW, again=None):
    return client.post(PAGE, {"old_password": old, "new_password1": new, "new_password2": again or new})


@pytest.fixture
def signed_in(client, alice):
    client.force_login(alice)
    return client


def test_new_password_counts_and_other_devices_are_out(signed_in, alice):
    other = Client()
    other.force_login(alice)
    key = signed_in.session.session_key
    assert post(signed_in).status_code == 303
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert other.get("/account/sign-ins/").status_code == 302
    assert signed_in.get("/account/sign-ins/").status_code == 200
    assert signed_in.session.session_key != key
    assert Event.objects.filter(tag="person:password:changed", actor=str(alice.subject)).exists()


@pytest.mark.parametrize(
    ("old", "new", "again"), [("wrong", NEW, NEW), (ALICES_PASSWORD, "short", "short"), (ALICES_PASSWORD, NEW, "other")]
)
def test_refused_with_words(signed_in, alice, old, new, again):
    assert "errorlist" in post(signed_in, old, new, again).content.decode()
    alice.refresh_from_db()
    assert alice.check_password(ALICES_PASSWORD)


def test_guessing_the_old_one_pauses_the_account(signed_in):
    answers = [post(signed_in, old="wrong").status_code for _ in range(6)]
    assert answers[-1] == 429
    assert post(signed_in).status_code == 429


def test_whoever_has_a_factor_confirms_first(signed_in, alice):
    give_app(alice)
    assert signed_in.get(PAGE)["Location"] == "/confirm/?next=%2Faccount%2Fpassword%2F"
    assert post(signed_in)["Location"].startswith("/confirm/")
    session = signed_in.session
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
    session.save()
    assert post(signed_in)["Location"] == "/account/sign-ins/"


def test_company_keeps_its_peoples_passwords(signed_in, alice):
    alice.set_unusable_password()
    alice.save()
    signed_in.force_login(alice)
    assert "through your company" in signed_in.get(PAGE).content.decode()


def test_every_account_page_leads_to_connected_applications(signed_in):
    for page in ("/account/sign-ins/", "/account/factors/", "/account/password/", "/oauth/"):
        text = signed_in.get(page).content.decode()
        assert 'href="/oauth/"' in text, page
    assert 'href="/oauth/" aria-current="true"' in text
    assert 'href="/account/sign-ins/"' in text, "and back"
