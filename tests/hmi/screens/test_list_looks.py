"""Rows or tiles: remembered in a cookie, chosen by a plain form, nothing else accepted."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from hmi.screens.list_looks import COOKIE, ROWS, TILES, choose, list_look


def post(**fields: str) -> HttpResponse:
    request = RequestFactory().post("/list-look/", fields)
    request._dont_enforce_csrf_checks = True
    return choose(request)


@pytest.mark.parametrize(("cookie", "look"), [("tiles", TILES), ("rows", ROWS), ("<script>", ROWS), ("", ROWS)])
def test_look_is_what_the_cookie_says_where_there_is_such_a_look(cookie: str, look: object) -> None:
    request = RequestFactory().get("/")
    request.COOKIES[COOKIE] = cookie
    assert list_look(request) is look


def test_choice_is_remembered_and_leads_back_to_the_list() -> None:
    answer = post(look="tiles", next="/sites/north/?show=moving")
    assert (answer.status_code, answer["Location"]) == (303, "/sites/north/?show=moving")
    assert answer.cookies[COOKIE].value == "tiles"
    assert answer.cookies[COOKIE]["httponly"]


def test_choice_never_leads_elsewhere_and_takes_no_other_look() -> None:
    assert post(look="tiles", next="https://evil.example/")["Location"] == "/"
    assert post(look="cards").status_code == 400
