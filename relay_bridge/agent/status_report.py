"""The report of a running agent: what ``state/status.json`` holds and ``sightline-site status --json`` prints.

Times are ms since the epoch, UTC. No value of the plant, no secret and no address stands here; reasons are the words of
the drivers.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from relay_bridge.agent.findings import Finding
from relay_bridge.contract.acting import SiteMode

VERSION = 1
State = Literal["ok", "degraded", "down"]


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the report."""


class RelayStatus(Part, frozen=True):
    status: str
    since: int
    reason: str


class SourceStatus(Part, frozen=True):
    id: str
    state: State
    since: int
    reason: str
    tags: int


class WritesStatus(Part, frozen=True):
    """``allowed``: by site.toml; ``open`` of ``entries`` are usable now; ``kept``: the file of keys is usable."""

    allowed: bool
    entries: int
    open: int
    kept: bool


class StatusReport(Part, frozen=True):
    """``lag_ms``: how long the loop was held up since the report before; ``seq``: events in the journal."""

    v: Literal[1]
    state: State
    at: int
    started: int
    pid: int
    agent: str
    site: str
    name: str
    findings: list[Finding]
    relay: RelayStatus
    sessions: int
    sources: list[SourceStatus]
    tags: int
    watched: int
    history: str
    alarms: str
    journal: bool
    seq: int
    memory: bool
    mode: SiteMode
    writes: WritesStatus
    agent_certificate_ends: int
    web_app_certificate_ends: int
    token_keys: int
    token_keys_sequence: int
    disk_free_mb: int | None
    rss_mb: int | None
    lag_ms: int
