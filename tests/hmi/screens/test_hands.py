"""Glove mode: remembered by the device, by a plain form as well as by htmx, and by nothing that does not exist."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.parametrize("hands", ["gloves", "bare"])
def test_hands_by_a_plain_form(hands: str) -> None:
    anybody = Client()
    answer = anybody.post("/hands/", {"hands": hands, "next": "/sites/north/"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sites/north/")
    cookie = answer.cookies["hands"]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == (hands, "Lax", True)
    assert f'data-hands="{hands}"' in anybody.get("/offline/").content.decode()


def test_hands_by_htmx_need_no_page() -> None:
    assert Client().post("/hands/", {"hands": "gloves"}, headers={"HX-Request": "true"}).status_code == 204


def test_hands_that_do_not_exist_are_refused() -> None:
    anybody = Client()
    assert anybody.post("/hands/", {"hands": "claws"}).status_code == 400
    anybody.cookies["hands"] = '"><script>'
    assert 'data-hands="bare"' in anybody.get("/offline/").content.decode()


def test_hands_need_the_forms_token() -> None:
    assert Client(enforce_csrf_checks=True).post("/hands/", {"hands": "gloves"}).status_code == 403
