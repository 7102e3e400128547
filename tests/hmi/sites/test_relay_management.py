"""Which management plane the settings name, and that it is the conduit's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from hmi.bridge_settings import ManagementSettings
from hmi.sites.models import Conduit, Site
from hmi.sites.relay_management import Busy, NotSet, OtherRelay, changing_relay, check_same_relay, relay_management
from relay_bridge.management import ManagementError, RelayManagement
from relay_bridge.protocol.connection_string import parse_connection_string

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"


def name_relay(settings: Any, **facts: Any) -> None:
    named = ManagementSettings(**{"namespace": "local", "url": "http://127.0.0.1:1", **facts})
    settings.SIGHTLINE = dataclasses.replace(settings.SIGHTLINE, relay_management=named)


def test_nothing_named_is_said_with_what_to_set() -> None:
    with pytest.raises(NotSet, match="SIGHTLINE_RELAY_MANAGEMENT"), relay_management():
        pass


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe", b"x" * 20_000])
def test_token_that_cannot_be_read_is_said_without_repeating_it(
    settings: Any, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    name_relay(settings, token_file=file)
    with pytest.raises(NotSet, match="SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE") as caught, relay_management():
        pass
    assert "xxx" not in str(caught.value)
    name_relay(settings, token_file=None)
    with pytest.raises(NotSet, match="is not set"), relay_management():
        pass


def test_azure_is_named_by_subscription_group_and_namespace(settings: Any) -> None:
    name_relay(settings, url="", namespace="plant", subscription_id=SUBSCRIPTION, resource_group="plants")
    with relay_management() as management:
        assert isinstance(management, RelayManagement)
        assert management._client._at == ("plants", "plant")


def test_one_change_at_a_time_and_the_next_one_after_it(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token")
    name_relay(settings, token_file=tmp_path / "token")
    with changing_relay():
        with pytest.raises(Busy) as caught, changing_relay():
            pass
        assert caught.value.retryable
    with pytest.raises(ManagementError, match="on purpose"), changing_relay():
        raise ManagementError("on purpose")
    with changing_relay():
        pass


@pytest.mark.parametrize(
    ("endpoint", "string", "same"),
    [
        ("sb://relay.example.com/", "Endpoint=sb://RELAY.example.com/", True),
        ("sb://relay.example.com/", "Endpoint=sb://relay.example.com:443/", True),
        ("sb://relay.example.com/", "Endpoint=sb://relay2.example.com/", False),
        ("sb://127.0.0.1:9400/", "Endpoint=sb://127.0.0.1:9400/;UseDevelopmentEmulator=true", True),
        ("sb://127.0.0.1:9400/", "Endpoint=sb://127.0.0.1:9401/;UseDevelopmentEmulator=true", False),
    ],
)
def test_relay_is_told_from_another(endpoint: str, string: str, same: bool) -> None:
    conduit = Conduit(site=Site(name="North"), endpoint=endpoint)
    if same:
        check_same_relay(conduit, parse_connection_string(string))
    else:
        with pytest.raises(OtherRelay, match="North is reached through"):
            check_same_relay(conduit, parse_connection_string(string))
