"""``load_config``: site.toml, read strictly. What cannot be meant is refused in one sentence that names the place."""

from __future__ import annotations

import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from relay_bridge.agent.acting_config import CommandEntry, CommandSection, WriteEntry, WriteSection, resolve_acting
from relay_bridge.agent.config_convert import convert, entry
from relay_bridge.agent.config_file import (
    ActingSection,
    AlarmsSection,
    AnySource,
    AuditSection,
    BrowseSection,
    HistorySection,
    LimitsSection,
    SiteFile,
    SiteSection,
    StatusSection,
    SwitchSection,
    TagSection,
    TankSection,
    TemplateSection,
    TrustSection,
)
from relay_bridge.agent.config_sources import absolute_source, check_source, read_passwords
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.snapshot import Browsed, resolve_browse
from relay_bridge.agent.secret_files import read_secret, secret_file
from relay_bridge.agent.tags import AssetConfig, TagConfig, check_all, resolve_tags
from relay_bridge.agent.templates import with_templates
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

MAX_FILE = 4 * 1024 * 1024  # bytes: 5 000 tags written out one by one are about 1 MB


@dataclass(frozen=True)
class SiteConfig:
    """Everything the agent is allowed to do and to know. Paths in it are absolute; ``repr`` shows no secret."""

    path: Path
    site: SiteSection
    relay: ConnectionString
    relay_file: Path | None  # where its connection string stands, and may be replaced while the agent runs
    trust: TrustSection
    sources: tuple[AnySource, ...]
    tags: tuple[TagConfig, ...]
    assets: tuple[AssetConfig, ...]
    limits: LimitsSection
    audit: AuditSection
    history: HistorySection = field(default_factory=HistorySection)
    alarms: AlarmsSection = field(default_factory=AlarmsSection)
    writes: tuple[WriteEntry, ...] = ()
    commands: tuple[CommandEntry, ...] = ()
    acting: ActingSection = field(default_factory=ActingSection)
    switch: SwitchSection = field(default_factory=SwitchSection)
    status: StatusSection = field(default_factory=StatusSection)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)  # of sources, by their id
    templates: tuple[str, ...] = ()  # their names
    browse: tuple[BrowseSection, ...] = ()
    warnings: tuple[str, ...] = ()  # sentences for whoever starts the agent; they stay on this machine


def load_config(path: Path | str, *, for_import: bool = False) -> SiteConfig:
    """The effective configuration; ``ConfigError`` on the first thing that is wrong.

    Reads site.toml and the secrets it refers to. Keys and certificates are loaded by ``trust.load_trust``. With
    ``for_import`` there may be no tags yet, and what a [[browse]] stands for is left out.
    """
    path = Path(path).absolute()
    document = _read_document(path)
    file = convert(document, SiteFile, "site.toml")
    _check_site(file.site)
    sources = tuple(entry(raw, AnySource, "source") for raw in file.source)
    if not sources:
        raise ConfigError("No source is configured: add a [[source]], the process server that has the values.")
    tags = [entry(raw, TagSection, "tag") for raw in file.tag]
    templates = [(entry(raw, TemplateSection, "template"), raw) for raw in file.template]
    tanks = [entry(raw, TankSection, "tank") for raw in with_templates(templates, file.tank)]
    browse = tuple(entry(raw, BrowseSection, "browse") for raw in file.browse)
    resolved, assets = resolve_tags(sources, tags, tanks, may_be_none=for_import or bool(browse))
    writes = [entry(raw, WriteSection, "write") for raw in file.write]
    commands = [entry(raw, CommandSection, "command") for raw in file.command]
    write_entries, command_entries = resolve_acting(resolved, writes, commands)
    _check_status(file.status)
    base = path.parent
    sources = tuple(absolute_source(source, base) for source in sources)
    # After the writes: what was only browsed can never be written.
    browsed = Browsed() if for_import else resolve_browse(browse, {s.id: s for s in sources}, resolved, assets, path)
    resolved, assets = resolved + browsed.tags, assets + browsed.assets
    check_all(resolved, assets)
    if not resolved and not for_import:
        raise ConfigError(" ".join(browsed.warnings) or "No tags are configured: the [[browse]] entries match nothing.")
    for source in sources:
        check_source(source, resolved)
    return SiteConfig(
        path=path,
        site=file.site,
        relay=_relay(file.relay.connection_string, base),
        relay_file=secret_file(file.relay.connection_string, base),
        trust=_absolute_trust(file.trust, base),
        sources=sources,
        tags=resolved,
        assets=assets,
        limits=file.limits,
        audit=msgspec.structs.replace(file.audit, path=str(base / file.audit.path)),
        history=msgspec.structs.replace(file.history, file=str(base / file.history.file)),
        alarms=msgspec.structs.replace(file.alarms, memory=str(base / file.alarms.memory)),
        writes=write_entries,
        commands=command_entries,
        acting=ActingSection(memory=str(base / file.acting.memory)),
        switch=SwitchSection(folder=str(base / file.switch.folder)),
        status=msgspec.structs.replace(file.status, file=str(base / file.status.file)),
        passwords=read_passwords(sources, base),
        templates=tuple(template.name for template, _ in templates),
        browse=browse,
        warnings=browsed.warnings,
    )


def switch_folder(path: Path | str) -> Path:
    """Where the switch stands, by a site.toml that may otherwise be wrong: who closes a site must not mend it first."""
    path = Path(path).absolute()
    section = convert(_read_document(path).get("switch", {}), SwitchSection, "[switch]")
    return path.parent / section.folder


def status_file(path: Path | str) -> Path:
    """Where the running agent's report is, by a site.toml that may otherwise be wrong."""
    path = Path(path).absolute()
    section = convert(_read_document(path).get("status", {}), StatusSection, "[status]")
    return path.parent / section.file


def _read_document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"{path} is larger than {MAX_FILE} bytes.")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _check_site(site: SiteSection) -> None:
    known = zoneinfo.available_timezones()  # empty on a machine without a time zone database
    if known and site.time_zone not in known:
        raise ConfigError(f'[site] time_zone: "{site.time_zone}" is no time zone; write one like "Europe/Oslo".')


def _check_status(status: StatusSection) -> None:
    if status.listen is not None and int(status.listen.rpartition(":")[2]) > 65535:
        raise ConfigError(f"[status] listen: {status.listen} has a port above 65535.")


def _absolute_trust(trust: TrustSection, base: Path) -> TrustSection:
    return msgspec.structs.replace(
        trust,
        token_keys=str(base / trust.token_keys),
        web_app_pin=str(base / trust.web_app_pin),
        agent_cert=str(base / trust.agent_cert),
        agent_key=str(base / trust.agent_key),
        memory=str(base / trust.memory),
    )


def _relay(reference: str, base: Path) -> ConnectionString:
    where = "[relay] connection_string"
    try:
        connection = parse_connection_string(read_secret(reference, where=where, base=base))
    except ConnectionStringError as error:
        raise ConfigError(f"{where}: {error}.") from None
    if connection.entity_path is None:
        raise ConfigError(f"{where}: lacks EntityPath, so it does not say which hybrid connection is this site's.")
    if connection.key_name is None:
        raise ConfigError(f"{where}: needs SharedAccessKeyName and SharedAccessKey; a ready-made signature runs out.")
    # docs/threats.md, T27: a namespace key opens every site, so it has no business on a plant machine.
    if "manage" in connection.key_name.lower():
        raise ConfigError(
            f"{where}: the rule {connection.key_name} manages the whole relay; "
            "make a rule with the Listen right on this hybrid connection alone."
        )
    return connection
