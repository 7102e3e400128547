"""Signing in and out: one answer for everything that is wrong, a new session for everything that is right."""

from __future__ import annotations

import time

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.views import WRONG
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD

pytestmark = pytest.mark.django_db


def signed_in_as(client):
    return client.session.get("_auth_user_id")


def test_form_has_what_a_phone_needs(client):
    page = client.get("/sign-in/").content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert 'autocapitalize="none"' in page
    assert "csrfmiddlewaretoken" in page
    for inline in ("<style", " style=", "onclick", "onsubmit"):
        assert inline not in page


def test_right_password_opens_the_first_page_with_303(client, sign_in, alice):
    response = sign_in("alice", ALICES_PASSWORD)
    assert response.status_code == 303
    assert response["Location"] == reverse("screens:my-sites")
    assert signed_in_as(client) == str(alice.pk)


def test_next_brings_back_to_the_page_that_was_wanted(sign_in, alice):
    assert sign_in("alice", ALICES_PASSWORD, next="/sites/north/?tab=2")["Location"] == "/sites/north/?tab=2"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "http://127.0.0.1:8000@evil.example/",
        "http://testserver/",
        "/\t/evil.example/",
        " //evil.example",
        "sites/north/",
        "/" + "a" * 3000,
    ],
)
def test_next_never_leads_elsewhere(client, sign_in, alice, elsewhere):
    assert sign_in("alice", ALICES_PASSWORD, next=elsewhere)["Location"] == reverse("screens:my-sites")
    client.logout()
    assert client.get("/sign-in/", {"next": elsewhere}).context["next"] == reverse("screens:my-sites")
    client.force_login(alice)
    assert client.get("/sign-in/", {"next": elsewhere})["Location"] == reverse("screens:my-sites")


def test_every_failure_reads_the_same(sign_in, alice, bob):
    bob.is_active = False
    bob.save()
    User.objects.create_user("dora")  # an account that has no password yet
    tries = [
        ("alice", "wrong"),
        ("charlie", "wrong"),
        ("bob", BOBS_PASSWORD),
        ("dora", ""),
        ("dora", "wrong"),
        ("ALICE", ALICES_PASSWORD),
        ("", ""),
        ("a" * 200, "wrong"),
        ("alice", "w" * 5000),
        ("ali\0ce", "wrong"),
    ]
    for username, password in tries:
        response = sign_in(username, password)
        page = response.content.decode()
        assert response.status_code == 200
        assert str(WRONG) in page
        for hint in ("does not exist", "inactive", "closed", "is required", "at most", "ull character"):
            assert hint not in page


def test_unknown_account_costs_the_same_work_as_a_wrong_password(sign_in, alice, settings):
    # One slow hash each: the difference that a stopwatch would see is the hash, so that is what is compared.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    alice.set_password(ALICES_PASSWORD)
    alice.save()

    def spent(username):
        start = time.process_time()
        sign_in(username, "wrong wrong wrong")
        return time.process_time() - start

    known, unknown = spent("alice"), spent("charlie")
    assert 0.5 < known / unknown < 2


def test_password_is_never_in_the_page_that_comes_back(sign_in, alice):
    assert "hunter2hunter2" not in sign_in("alice", "hunter2hunter2").content.decode()


def test_markup_in_a_username_is_shown_as_text(sign_in, db):
    page = sign_in("<img src=x>", "wrong").content.decode()
    assert "<img src=x>" not in page


def test_session_key_is_new_after_sign_in(client, sign_in, alice, settings):
    client.get("/sign-in/")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    sign_in("alice", ALICES_PASSWORD)
    assert client.session.session_key != session.session_key
    assert "planted" not in client.session
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_session_key_is_new_even_for_somebody_already_signed_in(client, sign_in, alice, bob):
    sign_in("alice", ALICES_PASSWORD)
    first = client.session.session_key
    sign_in("alice", ALICES_PASSWORD)
    second = client.session.session_key
    sign_in("bob", BOBS_PASSWORD)
    third = client.session.session_key
    assert len({first, second, third}) == 3
    assert set(Session.objects.values_list("session_key", flat=True)) == {third}
    assert signed_in_as(client) == str(bob.pk)


def test_signed_in_person_is_sent_on(client, alice):
    client.force_login(alice)
    response = client.get("/sign-in/?next=/sites/north/")
    assert (response.status_code, response["Location"]) == (303, "/sites/north/")


def test_form_without_token_of_the_form_is_refused(alice):
    client = Client(enforce_csrf_checks=True)
    response = client.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
    assert response.status_code == 403
    assert signed_in_as(client) is None


def test_sign_out_ends_the_session(client, sign_in, alice):
    sign_in("alice", ALICES_PASSWORD)
    key = client.session.session_key
    response = client.post("/sign-out/")
    assert (response.status_code, response["Location"]) == (303, "/sign-in/")
    assert response["Clear-Site-Data"] == '"cache", "storage"'
    assert not Session.objects.filter(session_key=key).exists()
    assert signed_in_as(client) is None


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_sign_out_is_by_post_only(client, alice, method):
    client.force_login(alice)
    assert getattr(client, method)("/sign-out/").status_code == 405
    assert signed_in_as(client) == str(alice.pk)


def test_sign_out_needs_the_form_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post("/sign-out/").status_code == 403
    assert signed_in_as(client) == str(alice.pk)


def test_sign_out_of_nobody_is_no_error(client, db):
    assert client.post("/sign-out/").status_code == 303


def test_sign_in_page_says_that_you_signed_out(client, alice):
    client.force_login(alice)
    page = client.post("/sign-out/", follow=True).content.decode()
    assert "You are signed out." in page


def test_pages_of_sign_in_are_not_stored(client, db):
    assert "no-store" in client.get("/sign-in/")["Cache-Control"]


def test_piece_of_a_page_sends_the_whole_page_to_sign_in(client, db):
    """htmx follows our redirect by itself: without this the form would appear inside the piece."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/sites/north/?tab=2"}
    response = client.get("/", headers=headers, follow=True)
    assert response["HX-Redirect"] == "/sign-in/?next=%2Fsites%2Fnorth%2F%3Ftab%3D2"
    elsewhere = client.get("/sign-in/", headers={**headers, "HX-Current-URL": "https://evil.example/"})
    assert "evil" not in elsewhere["HX-Redirect"]


@pytest.mark.django_db(transaction=True)
async def test_sign_in_and_out_work_under_asgi(async_client, transactional_db):
    await User.objects.acreate_user("alice", password=ALICES_PASSWORD)
    wrong = await async_client.post("/sign-in/", {"username": "alice", "password": "wrong"})
    assert str(WRONG) in wrong.content.decode()
    right = await async_client.post("/sign-in/", {"username": "alice", "password": ALICES_PASSWORD})
    assert right.status_code == 303
    out = await async_client.post("/sign-out/")
    assert out.status_code == 303
    assert not await Session.objects.aexists()
