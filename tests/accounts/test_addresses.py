"""Every address of this app and of the admin, asked by a stranger: only signing in and out answer."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver

from accounts import urls

pytestmark = pytest.mark.django_db
PUBLIC = {"/sign-in/": 200, "/sign-out/": 405}


def addresses(patterns, prefix):
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            yield text


def test_only_signing_in_and_out_is_public(client):
    found = set(addresses(urls.urlpatterns, "/"))
    assert found == PUBLIC.keys()
    for address, status in PUBLIC.items():
        assert client.get(address).status_code == status


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
