"""site.toml as text: whatever a site is called, it says just that."""

from __future__ import annotations

import tomllib

import pytest

from relay_bridge.contract.site_file import write_site_file


@pytest.mark.parametrize("name", ["North Terminal", 'The "old" \\ yard', "Tromsø 漢", 'x"\n[site]\nid="y', "\x7f"])
def test_names_are_only_names(name: str) -> None:
    text = write_site_file(slug="north", name=name, time_zone="UTC", issuer="https://h", audience="https://h/sites/1")
    document = tomllib.loads(text)
    assert document["site"] == {
        "id": "north", "name": name, "time_zone": "UTC", "allow_writes": False, "allow_ack": False,
    }  # fmt: skip
    assert document["relay"] == {"connection_string": "file:secrets/relay-listen"}
    assert document.keys() == {"site", "relay", "trust"}
