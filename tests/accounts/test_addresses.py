"""Every address of this app and of the admin, asked by a stranger: only signing in and out answer, and tell nothing."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver

from accounts import urls

pytestmark = pytest.mark.django_db
# What each address says to a stranger's GET. Everything before a sign-in must be open; all of it is in this list.
PUBLIC = {
    "/sign-in/": 200,
    "/sign-in/passkey/": 405,
    "/sign-in/passkey/question/": 405,
    "/sign-in/second-factor/": 303,
    "/sign-in/company/<slug:company>/": 404,
    "/sign-in/company/<slug:company>/callback/": 404,
    "/sign-out/": 405,
    "/language/": 405,
    "/set-up/": 303,
    "/set-up/app/": 303,
    "/set-up/app/picture.svg": 404,
    "/set-up/passkey/": 405,
    "/set-up/passkey/question/": 405,
}
OWN = {
    "/confirm/",
    "/account/sign-ins/",
    "/account/password/",
    "/account/preferences/",
    "/account/factors/",
    "/account/factors/<int:factor_id>/remove/",
    "/account/factors/recovery-codes/",
    "/account/factors/company/<slug:company>/",
}


def addresses(patterns, prefix):
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            yield text


def test_only_signing_in_and_out_is_public(client):
    found = set(addresses(urls.urlpatterns, "/"))
    assert found == PUBLIC.keys() | OWN
    for address, status in PUBLIC.items():
        answer = client.get(address.replace("<slug:company>", "acme"))
        assert answer.status_code == status, address
        assert status != 303 or answer["Location"] == "/sign-in/", address


@pytest.mark.parametrize("method", ["get", "post"])
def test_own_pages_ask_a_stranger_to_sign_in(client, method):
    for address in OWN:
        asked = address.replace("<slug:company>", "acme").replace("<int:factor_id>", "1")
        answer = getattr(client, method)(asked)
        assert (answer.status_code, answer["Location"]) == (302, f"/sign-in/?next={asked}")


def fill(pattern):
    for placeholder, value in (("<path:object_id>", "1"), ("<id>", "1"), ("<int:content_type_id>", "1")):
        pattern = pattern.replace(placeholder, value)
    return pattern.replace("<path:object_id>", "1")


def test_every_admin_page_asks_a_stranger_to_sign_in(client):
    found = [fill(text) for text in addresses(admin.site.get_urls(), "/admin/") if "^" not in text and "$" not in text]
    assert len(found) > 20
    for address in found:
        for method in (client.get, client.post):
            response = method(address)
            if address == "/admin/logout/":
                assert response.status_code in (302, 303, 405)
                continue
            assert response.status_code == 302, address
            assert response["Location"].startswith(("/sign-in/?next=", "/admin/login/?next=")), address
