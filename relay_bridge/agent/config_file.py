"""The shape of site.toml, section by section: what may be written, and nothing else.

These types only say what a file may look like; ``config.py`` says what it means.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay_bridge.contract.messages import ID_PATTERN, Limits, TagId

HTTP_PATTERN = r"^https?://[^\s/]+(/[^\s]*)?\Z"
OPCUA_PATTERN = r"^opc\.tcp://[^\s/]+"
Short = Annotated[str, Meta(min_length=1, max_length=100)]
Path_ = Annotated[str, Meta(min_length=1, max_length=1000)]
Reference = Annotated[str, Meta(min_length=1, max_length=1000)]
Uri = Annotated[str, Meta(min_length=1, max_length=500, pattern=HTTP_PATTERN)]
AssetId = Annotated[str, Meta(min_length=1, max_length=80, pattern=ID_PATTERN)]
SourceId = Annotated[str, Meta(min_length=1, max_length=40, pattern=ID_PATTERN)]
Node = Annotated[str, Meta(min_length=1, max_length=500)]
Unit = Annotated[str, Meta(max_length=20)]
Decimals = Annotated[int, Meta(ge=0, le=9)]
Span = tuple[float, float]
Enums = Annotated[dict[Annotated[str, Meta(max_length=40)], Annotated[str, Meta(max_length=60)]], Meta(max_length=64)]

Security = Literal[
    "None", "Basic256Sha256/Sign", "Basic256Sha256/SignAndEncrypt", "Aes128Sha256RsaOaep/Sign",
    "Aes128Sha256RsaOaep/SignAndEncrypt", "Aes256Sha256RsaPss/Sign", "Aes256Sha256RsaPss/SignAndEncrypt",
]  # fmt: skip


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file in which an unknown key is an error."""


class SiteSection(Section, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=ID_PATTERN)]
    name: Short
    time_zone: Annotated[str, Meta(max_length=64)] = "UTC"  # for display only
    allow_writes: bool = False
    allow_ack: bool = False


class RelaySection(Section, frozen=True):
    connection_string: Reference


class TrustSection(Section, frozen=True):
    """Written when the site is provisioned; nothing here is ever fetched from an address in a token."""

    issuer: Uri
    audience: Uri
    token_keys: Path_  # JSON Web Key Set with public keys
    web_app_pin: Path_  # PEM certificate of the web app
    agent_cert: Path_  # PEM certificate of this agent
    agent_key: Path_  # PEM key of this agent, mode 0600
    memory: Path_ = "state/admission.sqlite3"  # written by the agent: which tokens it has seen


class OpcUaSource(Section, frozen=True, tag="opcua", tag_field="kind"):
    """An OPC UA server. ``publish_ms`` in ms; ``stale_s`` in s, the longest silence of ``heartbeat``."""

    id: SourceId
    url: Annotated[str, Meta(max_length=500, pattern=OPCUA_PATTERN)]
    security: Security = "Basic256Sha256/SignAndEncrypt"
    allow_insecure: bool = False
    server_cert: Path_ | None = None
    client_cert: Path_ | None = None
    client_key: Path_ | None = None
    user: Short | None = None
    password: Reference | None = None
    publish_ms: Annotated[int, Meta(ge=50, le=60_000)] = 1000
    heartbeat: Node | None = None
    stale_s: Annotated[float, Meta(ge=1, le=3600)] = 3.0  # of the 5 s in which a phone must know


class MemorySource(Section, frozen=True, tag="memory", tag_field="kind"):
    """Values from this file or from code: for trying out, tests and measurements. ``change_ms`` in ms, 0 = still."""

    id: SourceId
    values: dict[TagId, float | int | bool | str] = {}
    change_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0


AnySource = OpcUaSource | MemorySource


class TagSection(Section, frozen=True):
    id: TagId
    source: SourceId
    node: Node | None = None
    canon: str = ""
    area: Short | None = None
    asset: AssetId | None = None
    kind: Literal["number", "text", "bool"] | None = None
    name: Short | None = None
    unit: Unit | None = None
    range: Span | None = None
    decimals: Decimals | None = None
    deadband: Annotated[float, Meta(ge=0)] = 0.0
    limits: Limits | None = None
    enums: Enums | None = None


class TankSection(Section, frozen=True):
    """One entry instead of fifteen tags: the tag of key K is ``<id>.K`` and its node ``prefix + map[K]``."""

    id: AssetId
    source: SourceId
    area: Short
    map: Annotated[dict[str, Node], Meta(min_length=1, max_length=100)]
    prefix: Annotated[str, Meta(max_length=500)] = ""
    name: Short | None = None
    kind: Literal["tank", "pump", "unit"] = "tank"
    limits: Limits | None = None  # of the level
    unit: dict[str, Unit] = {}
    decimals: dict[str, Decimals] = {}
    range: dict[str, Span] = {}
    deadband: dict[str, Annotated[float, Meta(ge=0)]] = {}
    enums: dict[str, Enums] = {}


class LimitsSection(Section, frozen=True):
    """How much the site lets anybody use. ``requests_per_second`` is per session."""

    sessions: Annotated[int, Meta(ge=1, le=1000)] = 50
    tags_per_session: Annotated[int, Meta(ge=1, le=5000)] = 2000
    requests_per_second: Annotated[int, Meta(ge=1, le=100_000)] = 1000


class AuditSection(Section, frozen=True):
    """The journal of what happened here. ``path``: a folder of its own; ``keep_days``: how long events stay."""

    path: Path_ = "audit"
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 400


class SiteFile(Section, frozen=True):
    """The whole file. Lists are kept raw so that each entry can be named when it is wrong."""

    site: SiteSection
    relay: RelaySection
    trust: TrustSection
    source: list[dict[str, Any]] = []
    tag: list[dict[str, Any]] = []
    tank: list[dict[str, Any]] = []
    limits: LimitsSection = LimitsSection()
    audit: AuditSection = AuditSection()


# Sections of a later version: refused by name, because leaving them out silently would promise what is not done.
LATER_SECTIONS: dict[str, str] = {
    "browse": "importing tags by browsing",
    "write": "writing",
    "command": "commands",
    "history": "a local history",
}
