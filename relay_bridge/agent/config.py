"""``load_config``: site.toml, read strictly. What cannot be meant is refused in one sentence that names the place."""

from __future__ import annotations

import re
import tomllib
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import urlsplit

import msgspec

from relay_bridge.agent.acting_config import CommandEntry, CommandSection, WriteEntry, WriteSection, resolve_acting
from relay_bridge.agent.config_file import (
    HTTP_PATTERN,
    LOOPBACK_PATTERN,
    OPCUA_PATTERN,
    ActingSection,
    AlarmsSection,
    AnySource,
    AuditSection,
    BrowseSection,
    HistorySection,
    LimitsSection,
    MemorySource,
    OpcUaSource,
    Security,
    SiteFile,
    SiteSection,
    StatusSection,
    SwitchSection,
    TagSection,
    TankSection,
    TemplateSection,
    TrustSection,
)
from relay_bridge.agent.config_rest import (
    HTTP_SOURCE_PATTERN,
    PATH_PATTERN,
    POINTER_PATTERN,
    DeltaVEdgeSource,
    RestSource,
    secret_reference,
)
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.snapshot import Browsed, resolve_browse
from relay_bridge.agent.secret_files import check_private_mode, read_secret, secret_file
from relay_bridge.agent.tags import AssetConfig, TagConfig, check_all, resolve_tags
from relay_bridge.agent.templates import with_templates
from relay_bridge.contract.messages import ID_PATTERN
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

MAX_FILE = 4 * 1024 * 1024  # bytes: 5 000 tags written out one by one are about 1 MB
_T = TypeVar("_T")


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
    file = _convert(document, SiteFile, "site.toml")
    _check_site(file.site)
    sources = tuple(_entry(raw, AnySource, "source") for raw in file.source)
    if not sources:
        raise ConfigError("No source is configured: add a [[source]], the process server that has the values.")
    tags = [_entry(raw, TagSection, "tag") for raw in file.tag]
    templates = [(_entry(raw, TemplateSection, "template"), raw) for raw in file.template]
    tanks = [_entry(raw, TankSection, "tank") for raw in with_templates(templates, file.tank)]
    browse = tuple(_entry(raw, BrowseSection, "browse") for raw in file.browse)
    resolved, assets = resolve_tags(sources, tags, tanks, may_be_none=for_import or bool(browse))
    writes = [_entry(raw, WriteSection, "write") for raw in file.write]
    commands = [_entry(raw, CommandSection, "command") for raw in file.command]
    write_entries, command_entries = resolve_acting(resolved, writes, commands)
    _check_status(file.status)
    base = path.parent
    sources = tuple(_absolute_source(source, base) for source in sources)
    # After the writes: what was only browsed can never be written.
    browsed = Browsed() if for_import else resolve_browse(browse, {s.id: s for s in sources}, resolved, assets, path)
    resolved, assets = resolved + browsed.tags, assets + browsed.assets
    check_all(resolved, assets)
    if not resolved and not for_import:
        raise ConfigError(" ".join(browsed.warnings) or "No tags are configured: the [[browse]] entries match nothing.")
    for source in sources:
        _check_source(source, resolved)
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
        passwords=_passwords(sources, base),
        templates=tuple(template.name for template, _ in templates),
        browse=browse,
        warnings=browsed.warnings,
    )


def switch_folder(path: Path | str) -> Path:
    """Where the switch stands, by a site.toml that may otherwise be wrong: who closes a site must not mend it first."""
    path = Path(path).absolute()
    section = _convert(_read_document(path).get("switch", {}), SwitchSection, "[switch]")
    return path.parent / section.folder


def status_file(path: Path | str) -> Path:
    """Where the running agent's report is, by a site.toml that may otherwise be wrong."""
    path = Path(path).absolute()
    section = _convert(_read_document(path).get("status", {}), StatusSection, "[status]")
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


# --- sections ------------------------------------------------------------------------------------------------


def _entry(raw: dict[str, Any], shape: Any, section: str) -> Any:
    name = raw.get("id", raw.get("tag", raw.get("name")))
    return _convert(raw, shape, f'[[{section}]] "{name[:60]}"' if isinstance(name, str) else f"[[{section}]]")


def _convert(raw: dict[str, Any], shape: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_words(str(error))}") from None


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_FORMS = {
    ID_PATTERN: "letters, digits, dots, dashes and underscores, a letter or digit first",
    HTTP_PATTERN: "an address like https://hmi.example.com",
    LOOPBACK_PATTERN: "an address of this machine like 127.0.0.1:8480",
    OPCUA_PATTERN: "an address like opc.tcp://HOST:PORT",
    HTTP_SOURCE_PATTERN: "an address like https://HOST:PORT or https://HOST/api",
    PATH_PATTERN: "a path that begins with / and holds no blanks",
    POINTER_PATTERN: "a JSON pointer like /tank/level",
}
_ALARMS = ("ac (opcua)", "list (rest)", "journal (deltav-edge)", "limits", "none")
_CHOICES = {"kind": ("opcua", "rest", "deltav-edge", "memory"), "security": get_args(Security), "alarms": _ALARMS}
_AT = re.compile(r" - at `(?:key in )?\$\.?(?P<place>[^`]*)`$")


def _words(message: str) -> str:
    """A sentence of msgspec's in the words of the file: ``unknown key "x" in [site]``."""
    at = _AT.search(message)
    text, place = (message[: at.start()], at["place"]) if at else (message, "")
    if match := re.search(r"contains unknown field `(.+)`", text):
        return f'unknown key "{match[1]}"' + (f" in [{place}]." if place else ".")
    if match := re.search(r"missing required field `(.+)`", text):
        return f'lacks the key "{match[1]}"' + (f" in [{place}]." if place else ".")
    text = text[:1].lower() + text[1:].replace("`", "")
    if match := re.search(r"matching regex '(.*)'", text):
        text = "expected " + _FORMS.get(match[1].replace("\\\\", "\\"), "another form")
    elif text.startswith("invalid"):
        text += f"; known are {', '.join(_CHOICES[place])}" if place in _CHOICES else ""
    else:
        text = re.sub(r"\b(int|float|str|bool|array|object)\b", lambda kind: _KINDS[kind[1]], text)
    return f"{place}: {text}." if place else f"{text}."


def _absolute_source(source: AnySource, base: Path) -> AnySource:
    if isinstance(source, MemorySource):
        return source
    if isinstance(source, RestSource | DeltaVEdgeSource):
        return msgspec.structs.replace(
            source, server_cert=_absolute(source.server_cert, base), ca_cert=_absolute(source.ca_cert, base)
        )
    return msgspec.structs.replace(
        source,
        server_cert=_absolute(source.server_cert, base),
        client_cert=_absolute(source.client_cert, base),
        client_key=_absolute(source.client_key, base),
    )


def _absolute_trust(trust: TrustSection, base: Path) -> TrustSection:
    return msgspec.structs.replace(
        trust,
        token_keys=str(base / trust.token_keys),
        web_app_pin=str(base / trust.web_app_pin),
        agent_cert=str(base / trust.agent_cert),
        agent_key=str(base / trust.agent_key),
        memory=str(base / trust.memory),
    )


def _absolute(path: str | None, base: Path) -> str | None:
    return None if path is None else str(base / path)


def _check_source(source: AnySource, tags: Sequence[TagConfig]) -> None:
    where = f'[[source]] "{source.id}"'
    if isinstance(source, MemorySource):
        own = {tag.id for tag in tags if tag.source == source.id}
        stray = sorted(set(source.values) - own)
        if stray:
            raise ConfigError(f'{where}: values speaks of "{stray[0]}", which is no tag of this source.')
        return
    _check_url(where, source.url)
    if isinstance(source, RestSource | DeltaVEdgeSource):
        _check_files(where, source, ("server_cert", "ca_cert"))
    else:
        _check_security(where, source)


def _check_url(where: str, url: str) -> None:
    """The address as the connection will read it: what it would trip over for ever is said now."""
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise ConfigError(f"{where}: url must name a host, and after the colon a port from 1 to 65535.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f'{where}: url may hold no user name or password: use the keys "user" and "password".')


def _check_security(where: str, source: OpcUaSource) -> None:
    if not source.allow_insecure:
        if source.security == "None":
            raise ConfigError(f'{where}: security = "None" needs allow_insecure = true beside it.')
        if source.server_cert is None:
            raise ConfigError(f'{where}: lacks the key "server_cert", the pinned certificate of the server.')
    if source.security != "None" and (source.client_cert is None or source.client_key is None):
        raise ConfigError(f'{where}: security = "{source.security}" needs client_cert and client_key.')
    if (source.user is None) != (source.password is None):
        raise ConfigError(f"{where}: user and password go together.")
    _check_files(where, source, ("server_cert", "client_cert"))
    if source.client_key is not None:
        check_private_mode(Path(source.client_key), where=f"{where}: client_key")


def _check_files(where: str, source: AnySource, keys: Sequence[str]) -> None:
    for key in keys:
        file = getattr(source, key)
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"{where}: {key}: there is no file {file}.")


def _passwords(sources: Sequence[AnySource], base: Path) -> dict[str, str]:
    references = {source.id: _secret_of(source) for source in sources}
    return {
        source: read_secret(reference, where=f'[[source]] "{source}": {key}', base=base)
        for source, (key, reference) in references.items()
        if reference is not None
    }


def _secret_of(source: AnySource) -> tuple[str, str | None]:
    """The key that refers to the source's secret, and the reference."""
    if isinstance(source, RestSource | DeltaVEdgeSource):
        return secret_reference(source)
    return "password", source.password if isinstance(source, OpcUaSource) else None


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
