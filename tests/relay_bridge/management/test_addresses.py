"""A token goes out over https, or over plain http to this machine."""

from __future__ import annotations

import pytest

from relay_bridge.management.addresses import check_emulator_url
from relay_bridge.management.errors import Refused


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9401", "http://127.8.9.1:1", "http://[::1]:9401", "http://localhost:9401", "https://relay.example.com"]
)  # fmt: skip
def test_good_address_is_taken(url: str) -> None:
    assert check_emulator_url(url) == url
    assert check_emulator_url(f"{url}/") == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://relay.example.com:9401", "loopback only"),
        ("http://192.0.2.1:9401", "loopback only"),
        ("http://127.0.0.1.example.com", "loopback only"),
        ("http://localhost.example.com", "loopback only"),
        ("http://0.0.0.0:9401", "loopback only"),
        ("ftp://127.0.0.1", "must look like"),
        ("127.0.0.1:9401", "must look like"),
        ("http://", "must look like"),
        ("http://127.0.0.1:0", "must look like"),
        ("http://127.0.0.1:99999", "must look like"),
        ("http://[::1", "must look like"),
        ("http://user:hidden@127.0.0.1:9401", "must look like"),
        ("http://127.0.0.1@evil.example.com", "must look like"),
        ("http://127.0.0.1:9401/subscriptions", "nothing after"),
        ("http://127.0.0.1:9401/?x=1", "nothing after"),
    ],
)
def test_bad_address_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        check_emulator_url(url)
    assert "hidden" not in str(caught.value)
