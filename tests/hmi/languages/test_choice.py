"""A person reads Sightline in the language they chose; before sign-in it is the device's, else the browser's wish."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=False)


def language_of(response) -> str:
    told = response.headers["Content-Language"]
    assert f'<html lang="{told}"' in response.content.decode()
    return told


def test_the_browser_is_asked_first(client: Client) -> None:
    page = reverse("accounts:sign-in")
    assert language_of(client.get(page)) == "en"
    assert language_of(client.get(page, headers={"accept-language": "fi-FI,fi;q=0.9"})) == "fi"
    assert language_of(client.get(page, headers={"accept-language": "fr"})) == "en"


def test_the_device_remembers_what_was_chosen_before_sign_in(client: Client) -> None:
    answer = client.post(reverse("accounts:language"), {"language": "sv", "next": "/sign-in/?next=/"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in/?next=/")
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("sv", True, "Lax")
    assert language_of(client.get("/sign-in/", headers={"accept-language": "de"})) == "sv"


@pytest.mark.parametrize("wanted", ["xx", "", "../sv", "en-gb" * 100])
def test_no_other_language_and_no_foreign_address(client: Client, wanted: str) -> None:
    assert client.post(reverse("accounts:language"), {"language": wanted}).status_code == 400
    answer = client.post(reverse("accounts:language"), {"language": "de", "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/sign-in/"


def test_a_persons_choice_goes_along_to_every_device(client: Client) -> None:
    person = User.objects.create_user("kim")
    client.force_login(person)
    page = reverse("accounts:preferences")
    assert client.post(page, {"language": "nb", "units": "us"}).status_code == 303
    person.refresh_from_db()
    assert (person.language, person.units) == ("nb", "us")

    other = Client()
    other.force_login(person)
    answer = other.get(page, headers={"accept-language": "de"})
    assert language_of(answer) == "nb"
    assert answer.cookies[settings.LANGUAGE_COOKIE_NAME].value == "nb"


@pytest.mark.parametrize("wish", [{"language": "nb", "units": "furlong"}, {"language": "tlh", "units": "si"}, {}])
def test_what_is_no_choice_changes_nothing(client: Client, wish: dict[str, str]) -> None:
    person = User.objects.create_user("kim", language="da")
    client.force_login(person)
    assert client.post(reverse("accounts:preferences"), wish).status_code == 400
    person.refresh_from_db()
    assert (person.language, person.units) == ("da", "site")


def test_choosing_does_not_end_the_persons_sessions(client: Client) -> None:
    person = User.objects.create_user("kim")
    client.force_login(person)
    client.post(reverse("accounts:preferences"), {"language": "fi", "units": "si"})
    assert client.get(reverse("accounts:preferences")).status_code == 200
