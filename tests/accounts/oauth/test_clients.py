"""Which redirect addresses can be registered."""

from __future__ import annotations

import pytest

from accounts.oauth.clients import (
    is_loopback_redirect,
    is_registered_redirect,
    kind_of,
    redirect_origin,
    refuse_redirect,
)


@pytest.mark.parametrize(
    ("uri", "native", "web"),
    [
        ("https://reports.example.com/callback", True, True),
        ("https://reports.example.com:8443/cb?a=b", True, True),
        ("http://127.0.0.1/done", True, False),
        ("http://[::1]:4000/done", True, False),
        ("http://localhost/done", False, False),
        ("http://reports.example.com/", False, False),
        ("https://reports.example.com/#part", False, False),
        ("https://*.example.com/", False, False),
        ("https://user@example.com/", False, False),
        ("https://", False, False),
        ("javascript:alert(1)", False, False),
        ("com.example.app:/done", False, False),
        ("https://example.com/\\evil", False, False),
        ("https://exämple.com/", False, False),
        ("https://example.com:99999/", False, False),
        ("https://example.com/" + "a" * 300, False, False),
    ],
)
def test_redirect_addresses(uri, native, web):
    assert (refuse_redirect(uri, native=True) == "") is native
    assert (refuse_redirect(uri, native=False) == "") is web


def test_only_the_four_kinds_are_clients():
    assert kind_of("public", "authorization-code") == "native"
    assert kind_of("confidential", "client-credentials") == "service"
    for other in ("first-party", "implicit", "password", "openid-hybrid"):
        assert kind_of("confidential", other) == ""
    assert kind_of("public", "client-credentials") == ""


def test_loopback_is_an_address_and_not_a_name():
    assert is_loopback_redirect("http://127.8.8.8:1/x") and not is_loopback_redirect("http://localhost/x")
    assert not is_loopback_redirect("https://127.0.0.1/x")
    assert redirect_origin("https://a.example:8443/cb?x=1") == "https://a.example:8443"


@pytest.mark.parametrize(
    ("uri", "registered"),
    [
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:51004/cb", True),
        ("http://[::1]:51004/other?a=b", True),
        ("https://app.example.com/cb", True),
        ("http://127.0.0.1:51004/cb/", False),
        ("http://127.0.0.1:51004/cb?a=b", False),
        ("http://127.0.0.1:51004/cb\n", False),
        ("http://127.0.0.1:99999/cb", False),
        ("http://127.0.0.1:51004@evil.example/cb", False),
        ("http://127.1:51004/cb", False),
        ("http://[::1]:51004/cb", False),
        ("http://localhost:51004/cb", False),
        ("https://127.0.0.1:51004/cb", False),
        ("https://app.example.com:51004/cb", False),
    ],
)
def test_addresses_match_by_character_but_for_a_loopback_port(uri, registered):
    known = ["http://127.0.0.1/cb", "http://[::1]:8000/other?a=b", "https://app.example.com/cb"]
    assert is_registered_redirect(uri, known) is registered
