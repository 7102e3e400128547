"""Where the relay is managed is read strictly when the program starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from hmi.bridge_settings import ManagementSettings
from hmi.management_settings import read_management_settings

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"
AZURE = {
    "RELAY_MANAGEMENT": "azure",
    "AZURE_SUBSCRIPTION": SUBSCRIPTION,
    "AZURE_RESOURCE_GROUP": "plants",
    "RELAY_NAMESPACE": "plant-relay",
}


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> ManagementSettings | None:
    for name in ("RELAY_MANAGEMENT", "RELAY_MANAGEMENT_TOKEN_FILE", *AZURE):
        monkeypatch.delenv(f"SIGHTLINE_{name}", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(f"SIGHTLINE_{name}", value)
    return read_management_settings()


def test_nothing_said_means_no_management(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch) is None


def test_emulator_is_an_address_and_a_token_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = read(
        monkeypatch, RELAY_MANAGEMENT="http://127.0.0.1:9401/", RELAY_MANAGEMENT_TOKEN_FILE=str(tmp_path / "token")
    )
    assert found == ManagementSettings("local", "http://127.0.0.1:9401", tmp_path / "token")


def test_azure_is_three_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, **AZURE) == ManagementSettings(
        "plant-relay", subscription_id=SUBSCRIPTION, resource_group="plants"
    )


@pytest.mark.parametrize("missing", ["AZURE_SUBSCRIPTION", "AZURE_RESOURCE_GROUP", "RELAY_NAMESPACE"])
def test_half_a_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"SIGHTLINE_{missing}"):
        read(monkeypatch, **{name: value for name, value in AZURE.items() if name != missing})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"RELAY_MANAGEMENT": "http://127.0.0.1:9401"}, "TOKEN_FILE"),
        ({"RELAY_MANAGEMENT": "http://relay.example.com:9401"}, "loopback only"),
        ({"RELAY_MANAGEMENT": "azur"}, "neither azure nor usable"),
        ({**AZURE, "AZURE_SUBSCRIPTION": "my subscription"}, "id"),
    ],
)
def test_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        read(monkeypatch, **values)
