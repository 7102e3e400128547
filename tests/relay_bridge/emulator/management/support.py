"""Callers of the management port: plain HTTP, and the real SDK of Azure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.relay import RelayAPIMgmtClient

from relay_bridge.emulator.management.config import ManagementConfig
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator

VERSION = "2026-01-01"
PLACE = "/subscriptions/sub/resourceGroups/group/providers/Microsoft.Relay"
ROOT = f"{PLACE}/namespaces/local"
DECLARED = EmulatorConfig(
    (HybridConnection("declared", True, (Rule("agent", frozenset({"Listen"}), "declared-primary"),)),),
    (Rule("operator", frozenset({"Manage"}), "operator-primary", "operator-secondary"),),
)


@dataclass(frozen=True)
class Reply:
    """An answer of the port."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The code of an error."""
        assert set(self.body) == {"error"}
        assert set(self.body["error"]) == {"code", "message"}
        assert self.body["error"]["message"].endswith(".")
        return str(self.body["error"]["code"])


class Plane:
    """A relay with a management port, and one caller of it."""

    def __init__(self, relay: RelayEmulator, directory: Path) -> None:
        self.relay = relay
        self.directory = directory
        self.token = (directory / "management.token").read_text().strip()

    @property
    def state(self) -> Any:
        """What is on disk now."""
        return json.loads((self.directory / "management.json").read_text())

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, version: str | None = VERSION
    ) -> Reply:
        """One call; ``path`` stands behind the namespace unless it starts with a slash. Bytes go as they are."""
        address = path if path.startswith("/") else f"{ROOT}/{path}".rstrip("/")
        if version is not None:
            address += f"{'&' if '?' in address else '?'}api-version={version}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.relay.management_url + address, data=data, headers=headers) as response,
        ):
            text = await response.text()
            is_json = response.content_type == "application/json"
            return Reply(response.status, json.loads(text) if is_json else text, dict(response.headers))

    def sdk(self, namespace_token: str | None = None) -> RelayAPIMgmtClient:
        """The SDK as one points it at this port; its calls block, so they belong into a thread."""
        return RelayAPIMgmtClient(
            _Nobody(),
            "00000000-0000-0000-0000-000000000000",
            self.relay.management_url,
            authentication_policy=_Bearer(namespace_token or self.token),
            retry_total=0,
        )


def config_in(directory: Path, **options: Any) -> ManagementConfig:
    return ManagementConfig(directory / "management.token", directory / "management.json", **options)


class _Bearer(SansIOHTTPPolicy[Any, Any]):
    """The SDK's own policy refuses to send a token over http; on loopback it is meant."""

    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: Any) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


class _Nobody:
    def get_token(self, *scopes: str, **options: Any) -> Any:
        raise AssertionError("the policy above is what is used")
