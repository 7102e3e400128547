"""The shape of site.toml, section by section: what may be written, and nothing else.

These types only say what a file may look like; ``config.py`` says what it means.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from relay_bridge.agent.config_rest import DeltaVEdgeSource, RestSource
from relay_bridge.contract.messages import ID_PATTERN, Limits, TagId

HTTP_PATTERN = r"^https?://[^\s/]+(/[^\s]*)?\Z"
LOOPBACK_PATTERN = r"^(127\.0\.0\.1|\[::1\]):\d{1,5}\Z"
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
GaugeWord = Literal["ok", "manual", "simulated", "fault", "stale"]
GaugeWords = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=40)], GaugeWord], Meta(max_length=64)]
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
    # What becomes of a tank whose figures contradict each other (consistency.py): said in log and status, or an alarm.
    consistency: Literal["off", "report", "alarm"] = "report"


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
    history: bool = False  # this server keeps the past of its tags, so the agent need not record it
    # ac: the server's own alarms; limits: this agent makes them from the configured limits
    alarms: Literal["ac", "limits", "none"] = "none"


class MemorySource(Section, frozen=True, tag="memory", tag_field="kind"):
    """Values from this file or from code: for trying out, tests and measurements. ``change_ms`` in ms, 0 = still."""

    id: SourceId
    values: dict[TagId, float | int | bool | str] = {}
    change_ms: Annotated[int, Meta(ge=0, le=3_600_000)] = 0
    alarms: Literal["limits", "none"] = "none"


AnySource = OpcUaSource | MemorySource | RestSource | DeltaVEdgeSource


Severity = Annotated[int, Meta(ge=1, le=1000)]
Hysteresis = Annotated[float, Meta(ge=0, lt=1e9)]
DelaySeconds = Annotated[float, Meta(ge=0, le=3600)]


class Severities(Section, frozen=True):
    """How severe a limit alarm of this agent is: 801 to 1000 critical, 601 to 800 high, 401 to 600 medium."""

    hh: Severity = 900
    h: Severity = 700
    l: Severity = 700  # noqa: E741 - the trade's own letter
    ll: Severity = 900


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
    hysteresis: Hysteresis | None = None  # of the agent's limit alarms, in the tag's unit
    delay_s: DelaySeconds = 0.0  # how long a value must stay beyond a limit
    severity: Severities = Severities()
    enums: Enums | None = None
    gauge: GaugeWords | None = None  # of canon = "gauge_status": what the gauge's own words mean (gauges.py)
    asset_name: Short | None = None  # what the asset is called and is, where no [[tank]] says it
    asset_kind: Literal["tank", "pump", "unit"] | None = None


class TemplateSection(Section, frozen=True):
    """What several tanks share. ``{id}`` in ``prefix`` stands for the tank's id; a tank's own words come first."""

    name: AssetId
    map: Annotated[dict[str, Node], Meta(min_length=1, max_length=100)]
    prefix: Annotated[str, Meta(max_length=500)] = ""
    kind: Literal["tank", "pump", "unit"] = "tank"
    limits: Limits | None = None
    hysteresis: Hysteresis | None = None
    delay_s: DelaySeconds = 0.0
    severity: Severities = Severities()
    unit: dict[str, Unit] = {}
    decimals: dict[str, Decimals] = {}
    range: dict[str, Span] = {}
    deadband: dict[str, Annotated[float, Meta(ge=0)]] = {}
    enums: dict[str, Enums] = {}
    gauge: GaugeWords | None = None


class TankSection(Section, frozen=True):
    """One entry instead of fifteen tags: the tag of key K is ``<id>.K`` and its node ``prefix + map[K]``.

    ``template``: the name of a [[template]] whose words hold where this entry says nothing (templates.py);
    ``without``: keys of the template's map that this tank has not.
    """

    id: AssetId
    source: SourceId
    area: Short
    map: Annotated[dict[str, Node], Meta(min_length=1, max_length=100)]
    template: AssetId | None = None
    without: Annotated[list[str], Meta(max_length=100)] = []
    prefix: Annotated[str, Meta(max_length=500)] = ""
    name: Short | None = None
    kind: Literal["tank", "pump", "unit"] = "tank"
    limits: Limits | None = None  # of the level, as the next three
    hysteresis: Hysteresis | None = None
    delay_s: DelaySeconds = 0.0
    severity: Severities = Severities()
    unit: dict[str, Unit] = {}
    decimals: dict[str, Decimals] = {}
    range: dict[str, Span] = {}
    deadband: dict[str, Annotated[float, Meta(ge=0)]] = {}
    enums: dict[str, Enums] = {}
    gauge: GaugeWords | None = None  # what the gauge's own words mean, where its status has others than usual


Glob = Annotated[str, Meta(min_length=1, max_length=200)]


class BrowseSection(Section, frozen=True):
    """Everything below ``root`` that the globs let through, read only, as it stands in ``snapshot``.

    The snapshot is a file that ``sightline-site import --browse`` writes: no start waits for a server.
    """

    source: SourceId
    root: Node | None = None
    include: Annotated[list[Glob], Meta(max_length=100)] = msgspec.field(default_factory=lambda: ["*"])
    exclude: Annotated[list[Glob], Meta(max_length=100)] = []
    max: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    area: Short | None = None  # of assets whose folder lies in no other; default: the source's id
    snapshot: Path_ = "state/browse.json"


class LimitsSection(Section, frozen=True):
    """How much the site lets anybody use. ``requests_per_second`` is per session; commands count as writes."""

    sessions: Annotated[int, Meta(ge=1, le=1000)] = 50
    tags_per_session: Annotated[int, Meta(ge=1, le=5000)] = 2000
    requests_per_second: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    writes_per_minute_user: Annotated[int, Meta(ge=1, le=60)] = 6
    writes_per_minute_site: Annotated[int, Meta(ge=1, le=60)] = 30


class ActingSection(Section, frozen=True):
    """``memory``: the agent's file of what it was asked to do and what became of it."""

    memory: Path_ = "state/acting.sqlite3"


class SwitchSection(Section, frozen=True):
    """``folder``: where the switch at the plant stands, and where an operator may put a plain file (docs/acting.md)."""

    folder: Path_ = "state/switch"


class StatusSection(Section, frozen=True):
    """The page for the control room, on this machine only. ``may_open``: it may also turn the switch up to full."""

    listen: Annotated[str, Meta(max_length=40, pattern=LOOPBACK_PATTERN)] | None = None
    may_open: bool = False
    file: Path_ = "state/status.json"  # the report of the running agent, for ``sightline-site status``


class HistorySection(Section, frozen=True):
    """The agent's own ring of samples. ``ring``: ``auto`` records the tags of sources that keep no history (an OPC UA
    server that does says ``history = true``), ``all`` every tag, ``off`` none. ``max_mb``: bound of the file, in MiB;
    ``max_tags``: how many tags are recorded at most, in the order of this file, because each is one more that the
    process server sends all the time.
    """

    ring: Literal["auto", "all", "off"] = "auto"
    ring_hours: Annotated[float, Meta(ge=1, le=24 * 31)] = 24
    max_mb: Annotated[int, Meta(ge=64, le=100_000)] = 512
    max_tags: Annotated[int, Meta(ge=1, le=5000)] = 2000
    file: Path_ = "state/history.sqlite3"


class AuditSection(Section, frozen=True):
    """The journal of what happened here. ``path``: a folder of its own; ``keep_days``: how long events stay."""

    path: Path_ = "audit"
    keep_days: Annotated[int, Meta(ge=1, le=3650)] = 400


class AlarmsSection(Section, frozen=True):
    """``memory``: the agent's file of what happened to alarms; its journal is bounded by age and number of events."""

    memory: Path_ = "state/alarms.sqlite3"
    journal_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    journal_events: Annotated[int, Meta(ge=1000, le=5_000_000)] = 200_000


class SiteFile(Section, frozen=True):
    """The whole file. Lists are kept raw so that each entry can be named when it is wrong."""

    site: SiteSection
    relay: RelaySection
    trust: TrustSection
    source: list[dict[str, Any]] = []
    tag: list[dict[str, Any]] = []
    template: list[dict[str, Any]] = []
    tank: list[dict[str, Any]] = []
    browse: list[dict[str, Any]] = []
    write: list[dict[str, Any]] = []
    command: list[dict[str, Any]] = []
    limits: LimitsSection = LimitsSection()
    history: HistorySection = HistorySection()
    audit: AuditSection = AuditSection()
    alarms: AlarmsSection = AlarmsSection()
    acting: ActingSection = ActingSection()
    switch: SwitchSection = SwitchSection()
    status: StatusSection = StatusSection()
