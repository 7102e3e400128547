"""Where the management port listens and which files it keeps: the table ``[management]`` of the configuration file.

    [management]
    listen = "127.0.0.1:9401"
    token_file = "management.token"       # the bearer token; made at the first start
    state_file = "management.json"        # what was made over the port
    namespace = "local"                   # optional, the name of the one namespace
    advertise = "relay.example.com:9400"  # optional, the relay's address in connection strings

Paths are relative to the configuration file. The table is read once, when the relay starts.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from relay_bridge.emulator.namespace import MAX_CONFIG_BYTES, ConfigError

DEFAULT_NAMESPACE: Final = "local"

_KNOWN: Final = frozenset({"listen", "token_file", "state_file", "namespace", "advertise"})
_REQUIRED: Final = ("listen", "token_file", "state_file")
_NAMESPACE: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?\Z")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?\Z|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\Z")


@dataclass(frozen=True)
class ManagementConfig:
    """``port=0`` takes a free one. ``advertise`` is host and port, where the relay's own address is of no use."""

    token_file: Path
    state_file: Path
    host: str = "127.0.0.1"
    port: int = 0
    namespace: str = DEFAULT_NAMESPACE
    advertise: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if not _NAMESPACE.match(self.namespace):
            raise ConfigError("namespace of management is 1 to 50 letters, digits and hyphens that start with a letter")
        if self.token_file.absolute() == self.state_file.absolute():
            raise ConfigError("token_file and state_file of management must be two files")


def load_management(path: Path) -> ManagementConfig | None:
    """The table of the configuration file at ``path``; None when there is none. ``ConfigError`` with one sentence."""
    try:
        with path.open("rb") as file:
            document = tomllib.loads(file.read(MAX_CONFIG_BYTES).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not valid TOML") from error
    try:
        return parse_management(document.get("management"), path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_management(table: Any, directory: Path) -> ManagementConfig | None:
    """Read the table; paths are relative to ``directory``. ``ConfigError`` names the first thing that is wrong."""
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigError("management must be written as a [management] table")
    for name, value in table.items():
        if name not in _KNOWN:
            raise ConfigError(f"unknown key {name[:80]!r} in management; known are {', '.join(sorted(_KNOWN))}")
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{name} of management must be a text")
    for name in _REQUIRED:
        if name not in table:
            raise ConfigError(f"{name} is missing in management")
    host, port = parse_host_port(table["listen"], "listen of management")
    advertise = parse_host_port(table["advertise"], "advertise of management") if "advertise" in table else None
    if advertise is not None and (advertise[1] == 0 or not _HOST.match(advertise[0])):
        raise ConfigError("advertise of management must name a host and a port that others can dial")
    return ManagementConfig(
        token_file=directory / table["token_file"],
        state_file=directory / table["state_file"],
        host=host,
        port=port,
        namespace=table.get("namespace", DEFAULT_NAMESPACE),
        advertise=advertise,
    )


def parse_host_port(text: str, what: str) -> tuple[str, int]:
    """``HOST:PORT`` or ``[IPv6]:PORT``. ``ConfigError`` starts with ``what``."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigError(f"{what}: an IPv6 address stands in brackets, as in [::1]:9400")
    if not colon or not host:
        raise ConfigError(f"{what}: must read HOST:PORT, as in 127.0.0.1:9400")
    if not (port.isascii() and port.isdigit()) or int(port[:9]) > 65_535:
        raise ConfigError(f"{what}: the port must be a number from 0 to 65535")
    return host, int(port)
