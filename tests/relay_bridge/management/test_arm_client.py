"""Where the token goes and where not; what identity Azure is asked with; that nothing is imported too early."""

from __future__ import annotations

import subprocess
import sys

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from relay_bridge.management import NotAllowed, Refused, RelayManagement
from relay_bridge.management.arm_client import azure_client, emulator_client
from tests.relay_bridge.management.conftest import Plane

SUBSCRIPTION = "00000000-0000-0000-0000-00000000000a"


def test_token_is_sent_as_bearer_past_any_proxy(
    asking: RelayManagement, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    plane.answers = [(200, {}, {"value": []})]
    assert asking.list_conduits() == []
    (asked,) = plane.asked
    assert asked[2]["Authorization"] == "Bearer a-token-of-the-tests"
    assert "/Microsoft.Relay/namespaces/local/hybridConnections?" in asked[1]


def test_pages_of_a_list_are_followed(asking: RelayManagement, plane: Plane) -> None:
    def page(name: str, **more: str) -> dict[str, object]:
        return {"value": [{"name": name, "properties": {"requiresClientAuthorization": True}}], **more}

    plane.answers = [(200, {}, page("a", nextLink=f"{plane.url}/more?x=1")), (200, {}, page("b"))]
    assert [each.path for each in asking.list_conduits()] == ["a", "b"]


def test_token_does_not_follow_a_list_to_another_machine(asking: RelayManagement, plane: Plane) -> None:
    plane.answers = [(200, {}, {"value": [], "nextLink": "http://192.0.2.1/more"})]
    with pytest.raises(Refused):
        asking.list_conduits()
    assert len(plane.asked) == 1


@pytest.mark.parametrize("token", ["", "two\nlines", "nörd"])
def test_token_that_cannot_be_sent_is_refused(token: str) -> None:
    with pytest.raises(Refused, match="token"):
        emulator_client("http://127.0.0.1:9401", token)


class Identity:
    """As azure-identity has them."""

    def __init__(self, failing: bool = False) -> None:
        self.failing = failing
        self.scopes: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes.append(scopes)
        if self.failing:
            raise ClientAuthenticationError("nothing worked")
        return AccessToken("entra-token", 2_000_000_000)


def test_azure_is_asked_over_https_for_its_own_scope() -> None:
    identity = Identity()
    client = azure_client(SUBSCRIPTION, identity)
    assert client._config.base_url == "https://management.azure.com/"
    assert client._config.api_version == "2026-01-01"
    client.close()


def test_machine_without_an_identity_is_told_what_to_do() -> None:
    with (
        RelayManagement.for_azure(SUBSCRIPTION, "plants", "relay", Identity(failing=True)) as azure,
        pytest.raises(NotAllowed, match="az login"),
    ):
        azure.list_conduits()


def test_the_sdk_is_imported_by_the_first_use_alone() -> None:
    program = (
        "import sys, relay_bridge.management, relay_bridge.management.addresses\n"
        "assert not [name for name in sys.modules if name.startswith(('azure', 'requests'))]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
