"""``step_up_required`` sends to /confirm/ and back to a page of our own, whichever kind of view it guards."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django_htmx.middleware import HtmxDetails

from accounts.assurance import STEP_UP_LIFE, STEPPED_UP_AT, STEPPED_UP_WITH, Assurance, join_methods, read_assurance
from accounts.models import User
from accounts.step_up import has_stepped_up, step_up_required

NOW = 2_000_000_000


@step_up_required
def guarded(request):
    return HttpResponse("in")


@step_up_required
async def guarded_later(request):
    return HttpResponse("in")


def ask(rf, method="get", path="/sites/north/?tab=2", session=None, person=None, **headers):
    request = getattr(rf, method)(path, headers=headers)
    request.user, request.session = person or User(pk=1), session if session is not None else {}
    request.htmx = HtmxDetails(request)
    return request


def fresh():
    return {STEPPED_UP_AT: int(time.time()), STEPPED_UP_WITH: ["otp"]}


def test_confirmed_gets_in(rf):
    assert guarded(ask(rf, session=fresh())).content == b"in"


async def test_confirmed_gets_into_async_views(rf):
    assert (await guarded_later(ask(rf, session=fresh()))).content == b"in"
    assert (await guarded_later(ask(rf))).status_code == 303


def test_others_are_sent_to_confirm_and_back(rf):
    response = guarded(ask(rf))
    assert (response.status_code, response["Location"]) == (303, "/confirm/?next=%2Fsites%2Fnorth%2F%3Ftab%3D2")


@pytest.mark.parametrize(
    ("referrer", "back"),
    [
        ("http://127.0.0.1:8000/sites/north/?a=1", "%2Fsites%2Fnorth%2F%3Fa%3D1"),
        ("https://evil.example/sites/", "%2F"),
        ("http://127.0.0.1:8001/sites/", "%2F"),
        ("", "%2F"),
    ],
)
def test_sent_form_comes_back_to_the_page_it_stood_on(rf, settings, referrer, back):
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert guarded(ask(rf, "post", Referer=referrer))["Location"] == f"/confirm/?next={back}"


def test_piece_of_a_page_sends_the_whole_page(rf):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/sites/north/"}
    response = guarded(ask(rf, "post", **headers))
    assert response["HX-Redirect"] == "/confirm/?next=%2Fsites%2Fnorth%2F"


def test_five_minutes(rf):
    request = ask(rf, session={STEPPED_UP_AT: NOW, STEPPED_UP_WITH: ["hwk"]})
    assert has_stepped_up(request, NOW)
    assert has_stepped_up(request, NOW + STEP_UP_LIFE - 1)
    assert not has_stepped_up(request, NOW + STEP_UP_LIFE)
    assert not has_stepped_up(request, NOW - 1), "a clock that was set back opens nothing"


@pytest.mark.parametrize(
    "session",
    [
        {},
        {STEPPED_UP_AT: NOW},
        {STEPPED_UP_AT: NOW, STEPPED_UP_WITH: []},
        {STEPPED_UP_AT: "now", STEPPED_UP_WITH: ["otp"]},
        {STEPPED_UP_WITH: ["otp"]},
    ],
)
def test_what_is_missing_or_strange_confirms_nothing(rf, session):
    assert not has_stepped_up(ask(rf, session=session), NOW)


def test_nobody_has_confirmed(rf):
    assert not has_stepped_up(ask(rf, session=fresh(), person=AnonymousUser()))


@pytest.mark.parametrize(
    ("groups", "joined"),
    [
        ((["pwd"],), ["pwd"]),
        ((["pwd"], ["otp"]), ["pwd", "otp", "mfa"]),
        ((["pwd"], ["recovery"]), ["pwd", "recovery", "mfa"]),
        ((["fed"], ["otp"]), ["fed", "otp", "mfa"]),
        ((["pwd"], ["hwk", "user", "mfa"]), ["pwd", "hwk", "user", "mfa"]),
        ((["otp"], ["otp"]), ["otp"]),
    ],
)
def test_methods_join(groups, joined):
    assert join_methods(*groups) == joined


def test_session_that_says_nothing_had_a_password():
    assert read_assurance({}) == Assurance(("pwd",), 0, 0, ())
    assert read_assurance({}).acr == "pwd"
    assert read_assurance({"amr": "mfa"}).acr == "pwd", "a text is no list"
