"""What is configured for an OPC UA source and its tags, checked where it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from relay_bridge.agent.drivers.opcua.node_ids import NodeAddress, NodeIdError, parse_node

# Server_ServerStatus_CurrentTime (OPC 10000-5, 6.3.2): every server has it and it changes while the server lives.
CURRENT_TIME = "i=2258"
POLICIES = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
BROKEN_POLICIES = ("Basic128Rsa15", "Basic256")  # deprecated since OPC UA 1.04: SHA-1
MODES = ("Sign", "SignAndEncrypt")


class SettingsError(ValueError):
    """A source that must not be used as configured; the message is a sentence for whoever configures it."""


@dataclass(frozen=True)
class OpcUaSettings:
    """One process server. ``publish_ms`` in ms; ``stale_s`` in s, the longest silence of the heartbeat."""

    id: str
    url: str  # opc.tcp://HOST:PORT/...
    security: str = "Basic256Sha256/SignAndEncrypt"  # POLICY/MODE, or None
    allow_insecure: bool = False
    server_cert: Path | str | None = None  # the pinned certificate of the server, DER or PEM
    client_cert: Path | str | None = None
    client_key: Path | str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    publish_ms: int = 1000
    heartbeat: str | None = CURRENT_TIME
    stale_s: float = 3.0
    acting: bool = False  # whether the code that writes and calls is loaded
    alarms: bool = False  # whether the server's own alarms are watched

    def __post_init__(self) -> None:
        where = f'source "{self.id}"'
        if not self.url.startswith("opc.tcp://"):
            raise SettingsError(f"{where}: the url must begin with opc.tcp://")
        policy, _, mode = self.security.partition("/")
        if policy in BROKEN_POLICIES:
            raise SettingsError(f"{where}: security {policy} is broken; use one of {', '.join(POLICIES)}")
        if self.security != "None" and (policy not in POLICIES or mode not in MODES):
            raise SettingsError(f'{where}: security "{self.security}" is unknown; say POLICY/MODE or "None"')
        if self.security == "None" and not self.allow_insecure:
            raise SettingsError(f'{where}: security = "None" needs allow_insecure = true')
        if self.security != "None" and (self.client_cert is None or self.client_key is None):
            raise SettingsError(f"{where}: security {self.security} needs client_cert and client_key")
        if self.security != "None" and self.server_cert is None and not self.allow_insecure:
            raise SettingsError(f"{where}: server_cert, the pinned certificate of the server, is missing")
        if self.user is not None and mode != "SignAndEncrypt":
            raise SettingsError(f"{where}: a user name is only sent over SignAndEncrypt")
        if self.user is not None and self.server_cert is None:
            raise SettingsError(
                f"{where}: a user name is only sent to a server whose certificate is pinned (server_cert)"
            )
        if self.publish_ms <= 0 or self.stale_s <= 0:
            raise SettingsError(f"{where}: publish_ms and stale_s must be above 0")
        try:
            parse_node(self.heartbeat or CURRENT_TIME)
        except NodeIdError as error:
            raise SettingsError(f"{where}: heartbeat: {error}") from None

    @property
    def policy(self) -> str:
        return self.security.partition("/")[0]

    @property
    def mode(self) -> str:
        return self.security.partition("/")[2]

    @property
    def heartbeat_node(self) -> NodeAddress:
        return parse_node(self.heartbeat or CURRENT_TIME)


@dataclass(frozen=True)
class OpcUaTag:
    """One tag of the source. ``deadband`` in the tag's unit; ``None``: not configured, the server may know."""

    id: str
    node: str  # nsu=URI;s=... ; ns=N;... only where there is no other way
    kind: Literal["number", "text", "bool"] = "number"
    decimals: int | None = None
    deadband: float = 0.0
    unit: str | None = None
    range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        try:
            parse_node(self.node)
        except NodeIdError as error:
            raise SettingsError(f'tag "{self.id}": {error}') from None

    @property
    def address(self) -> NodeAddress:
        return parse_node(self.node)
