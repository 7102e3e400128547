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

from relay_bridge.agent.config_file import (
    HTTP_PATTERN,
    LATER_SECTIONS,
    OPCUA_PATTERN,
    AnySource,
    AuditSection,
    LimitsSection,
    MemorySource,
    OpcUaSource,
    Security,
    SiteFile,
    SiteSection,
    TagSection,
    TankSection,
    TrustSection,
)
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import check_private_mode, read_secret, secret_file
from relay_bridge.agent.tags import AssetConfig, TagConfig, resolve_tags
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
    passwords: dict[str, str] = field(default_factory=dict, repr=False)  # of sources, by their id


def load_config(path: Path | str) -> SiteConfig:
    """The effective configuration; ``ConfigError`` on the first thing that is wrong.

    Reads site.toml and the secrets it refers to. Keys and certificates are loaded by ``trust.load_trust``.
    """
    path = Path(path).absolute()
    document = _read_document(path)
    _refuse_later_sections(document)
    file = _convert(document, SiteFile, "site.toml")
    _check_site(file.site)
    sources = tuple(_entry(raw, AnySource, "source") for raw in file.source)
    if not sources:
        raise ConfigError("No source is configured: add a [[source]], the process server that has the values.")
    tags = [_entry(raw, TagSection, "tag") for raw in file.tag]
    tanks = [_entry(raw, TankSection, "tank") for raw in file.tank]
    resolved, assets = resolve_tags(sources, tags, tanks)
    base = path.parent
    sources = tuple(_absolute_source(source, base) for source in sources)
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
        passwords=_passwords(sources, base),
    )


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


def _refuse_later_sections(document: dict[str, Any]) -> None:
    for name, what in LATER_SECTIONS.items():
        if name in document:
            raise ConfigError(f"The section [{name}] is for {what}, which this version does not have; take it out.")


def _check_site(site: SiteSection) -> None:
    if site.allow_writes:
        raise ConfigError("[site] allow_writes: this version cannot write to the plant; set it to false.")
    if site.allow_ack:
        raise ConfigError("[site] allow_ack: this version cannot acknowledge alarms; set it to false.")
    known = zoneinfo.available_timezones()  # empty on a machine without a time zone database
    if known and site.time_zone not in known:
        raise ConfigError(f'[site] time_zone: "{site.time_zone}" is no time zone; write one like "Europe/Oslo".')


# --- sections ------------------------------------------------------------------------------------------------


def _entry(raw: dict[str, Any], shape: Any, section: str) -> Any:
    name = raw.get("id")
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
    OPCUA_PATTERN: "an address like opc.tcp://HOST:PORT",
}
_CHOICES = {"kind": ("opcua", "memory"), "security": get_args(Security)}
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
    for key in ("server_cert", "client_cert"):
        file = getattr(source, key)
        if file is not None and not Path(file).is_file():
            raise ConfigError(f"{where}: {key}: there is no file {file}.")
    if source.client_key is not None:
        check_private_mode(Path(source.client_key), where=f"{where}: client_key")


def _passwords(sources: Sequence[AnySource], base: Path) -> dict[str, str]:
    return {
        source.id: read_secret(source.password, where=f'[[source]] "{source.id}": password', base=base)
        for source in sources
        if isinstance(source, OpcUaSource) and source.password is not None
    }


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
