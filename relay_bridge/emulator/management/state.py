"""What was made over ARM, and the file that keeps it over a restart: JSON, mode 0600, replaced as a whole.

A file that cannot be read as a whole is a reason not to start. Starting without it would drop everybody's keys.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relay_bridge.emulator.management.token_file import read_private
from relay_bridge.emulator.namespace import ConfigError, HybridConnection, Rule

VERSION: Final = 1
MAX_STATE_BYTES: Final = 64 * 1024 * 1024  # 10,000 hybrid connections with twelve rules each are about 40 MB
MAX_USER_METADATA: Final = 1_024  # characters


@dataclass(frozen=True)
class MadeHybridConnection:
    """A hybrid connection made over ARM. Times are Unix seconds."""

    connection: HybridConnection
    user_metadata: str | None
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class MadeNamespace:
    """What ARM may say about the namespace itself, and the rules it made there. Times are Unix seconds."""

    location: str
    created_at: float
    updated_at: float
    tags: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class State:
    """Everything made over ARM. ``namespace`` is None after it was deleted; connections are held by their key."""

    namespace: MadeNamespace | None
    hybrid_connections: Mapping[str, MadeHybridConnection] = field(default_factory=dict)


class StateFile:
    """Reads and writes the state at ``path``. Neither is fast: call ``write`` from a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> State | None:
        """The state, or None when there is no file yet. Raises ``ConfigError``: one sentence, never a key."""
        try:
            content = read_private(self.path, MAX_STATE_BYTES, "the state file")
        except FileNotFoundError:
            return None
        try:
            return parse_state(content)
        except ConfigError as error:
            raise ConfigError(f"{self.path}: the state file cannot be used: {error}") from error

    def write(self, state: State) -> None:
        """Replace the file, so that whoever looks finds the old state or the new one. Raises ``OSError``."""
        new = self.path.with_name(self.path.name + ".new")
        new.unlink(missing_ok=True)  # of a write that was interrupted; its mode may be anything
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(format_state(state))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the new name too must survive a power cut
        finally:
            os.close(directory)


def format_state(state: State) -> bytes:
    """The file's content."""
    space = state.namespace
    document = {
        "version": VERSION,
        "namespace": None
        if space is None
        else {
            "location": space.location,
            "created_at": space.created_at,
            "updated_at": space.updated_at,
            "tags": dict(space.tags),
            "rules": [_rule_out(rule) for rule in space.rules],
        },
        "hybrid_connections": [
            {
                "path": made.connection.path,
                "requires_client_authorization": made.connection.requires_client_authorization,
                "user_metadata": made.user_metadata,
                "created_at": made.created_at,
                "updated_at": made.updated_at,
                "rules": [_rule_out(rule) for rule in made.connection.rules],
            }
            for made in state.hybrid_connections.values()
        ],
    }
    return json.dumps(document, indent=1).encode("utf-8") + b"\n"


def parse_state(content: bytes) -> State:
    """Read a file's content strictly. ``ConfigError`` names the place, never a value."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigError("it is not JSON") from error
    table = _table(document, "the file", {"version", "namespace", "hybrid_connections"})
    if table["version"] != VERSION:
        raise ConfigError(f"its version is not {VERSION}; it was written by another version of the relay")
    connections: dict[str, MadeHybridConnection] = {}
    for number, item in enumerate(_list(table, "hybrid_connections", "the file"), 1):
        made = _connection_in(item, f"hybrid connection {number}")
        if made.connection.key in connections:
            raise ConfigError(f"the hybrid connection {made.connection.path!r} stands twice")
        connections[made.connection.key] = made
    return State(None if table["namespace"] is None else _namespace_in(table["namespace"]), connections)


def _namespace_in(item: Any) -> MadeNamespace:
    place = "namespace"
    table = _table(item, place, {"location", "created_at", "updated_at", "tags", "rules"})
    tags = table["tags"]
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise ConfigError(f"tags of {place} are not texts by name")
    return MadeNamespace(
        location=_value(table, "location", str, place),
        created_at=_time(table, "created_at", place),
        updated_at=_time(table, "updated_at", place),
        tags=tags,
        rules=_rules_in(table, place),
    )


def _connection_in(item: Any, place: str) -> MadeHybridConnection:
    table = _table(
        item,
        place,
        {"path", "requires_client_authorization", "user_metadata", "created_at", "updated_at", "rules"},
    )
    metadata = table["user_metadata"]
    if metadata is not None and (not isinstance(metadata, str) or len(metadata) > MAX_USER_METADATA):
        raise ConfigError(f"user_metadata of {place} is no text of at most {MAX_USER_METADATA} characters")
    return MadeHybridConnection(
        HybridConnection(
            _value(table, "path", str, place),
            _value(table, "requires_client_authorization", bool, place),
            _rules_in(table, place),
        ),
        metadata,
        _time(table, "created_at", place),
        _time(table, "updated_at", place),
    )


def _rules_in(table: dict[str, Any], place: str) -> tuple[Rule, ...]:
    rules = []
    for number, item in enumerate(_list(table, "rules", place), 1):
        where = f"rule {number} of {place}"
        rule = _table(item, where, {"name", "rights", "primary_key", "secondary_key"})
        rights = _list(rule, "rights", where)
        if not all(isinstance(right, str) for right in rights):
            raise ConfigError(f"rights of {where} are not texts")
        rules.append(
            Rule(
                _value(rule, "name", str, where),
                frozenset(rights),
                _value(rule, "primary_key", str, where),
                _value(rule, "secondary_key", str, where),
            )
        )
    return tuple(rules)


def _rule_out(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "rights": sorted(rule.rights),
        "primary_key": rule.primary_key,
        "secondary_key": rule.secondary_key,
    }


def _table(item: Any, place: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ConfigError(f"{place} is no object")
    if item.keys() != names:
        raise ConfigError(f"{place} must have exactly {', '.join(sorted(names))}")
    return item


def _list(table: dict[str, Any], name: str, place: str) -> list[Any]:
    if not isinstance(table[name], list):
        raise ConfigError(f"{name} of {place} is no list")
    return table[name]


def _value(table: dict[str, Any], name: str, kind: type, place: str) -> Any:
    if type(table[name]) is not kind:
        raise ConfigError(f"{name} of {place} is no {kind.__name__}")
    return table[name]


def _time(table: dict[str, Any], name: str, place: str) -> float:
    value = table[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e11:
        raise ConfigError(f"{name} of {place} is no time in Unix seconds")
    return float(value)
