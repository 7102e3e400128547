"""What the relay knows: hybrid connections with their rules and keys, read strictly from one TOML file.

    [[hybrid_connection]]
    path = "sites/north"
    requires_client_authorization = true      # the default

    [[hybrid_connection.rule]]
    name = "agent"
    rights = ["Listen"]                       # Listen, Send, Manage; Manage implies both others
    primary_key = "…"
    secondary_key = "…"                       # optional

    [[rule]]                                  # optional: rules of the whole namespace

    [behaviour]                               # optional: what is uncertain about the service; see behaviour.py

An empty file is a namespace without hybrid connections.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import unquote

from relay_bridge.emulator.behaviour import Behaviour, BehaviourError, parse_behaviour
from relay_bridge.protocol.addresses import check_entity_path
from relay_bridge.protocol.errors import AddressError
from relay_bridge.protocol.limits import MAX_KEY, MAX_KEY_NAME, MAX_RULES

Right = Literal["Listen", "Send", "Manage"]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)

MAX_HYBRID_CONNECTIONS: Final = 10_000  # per namespace, as documented
MAX_FOUND: Final = 4_096  # paths whose hybrid connection is remembered
MAX_FOUND_PATH: Final = 512  # characters of such a path
MAX_CONFIG_BYTES: Final = 16 * 1024 * 1024  # 10,000 hybrid connections of two rules are about 4 MB


class ConfigError(Exception):
    """A configuration that cannot be used. The text is one sentence that names the place, never a key."""


@dataclass(frozen=True)
class Rule:
    """An authorization rule: a name, what it allows, and two keys so that one can be changed while the other works."""

    name: str
    rights: frozenset[Right]
    primary_key: str = field(repr=False)
    secondary_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= MAX_KEY_NAME or not self.name.isprintable():
            raise ConfigError(f"a rule's name is 1 to {MAX_KEY_NAME} printable characters")
        object.__setattr__(self, "rights", frozenset(self.rights))
        if not self.rights or not self.rights <= set(RIGHTS):
            raise ConfigError(f"the rights of rule {self.name!r} are one or more of {', '.join(RIGHTS)}")
        for label, key in (("primary_key", self.primary_key), ("secondary_key", self.secondary_key)):
            if key is not None and not 0 < len(key) <= MAX_KEY:
                raise ConfigError(f"the {label} of rule {self.name!r} is empty or longer than {MAX_KEY} characters")

    @property
    def keys(self) -> tuple[str, ...]:
        """Primary first, as the service tries them."""
        return (self.primary_key,) if self.secondary_key is None else (self.primary_key, self.secondary_key)

    def allows(self, right: Right) -> bool:
        """Protocol 2.1: Manage implies both others."""
        return right in self.rights or "Manage" in self.rights


@dataclass(frozen=True)
class HybridConnection:
    """One endpoint of the namespace. ``path`` is matched without regard to case and by whole segments."""

    path: str
    requires_client_authorization: bool = True
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "path", check_entity_path(self.path))
        except AddressError as error:
            raise ConfigError(str(error)) from error
        object.__setattr__(self, "rules", tuple(self.rules))
        _check_rules(self.rules, f"hybrid connection {self.path!r}")

    @property
    def key(self) -> str:
        """What tells two hybrid connections apart."""
        return self.path.lower()


@dataclass(frozen=True)
class EmulatorConfig:
    """A namespace: its hybrid connections, and the rules that hold for all of them."""

    hybrid_connections: tuple[HybridConnection, ...] = ()
    rules: tuple[Rule, ...] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    _by_key: dict[str, HybridConnection] = field(init=False, repr=False, compare=False)
    _found: dict[str, HybridConnection | None] = field(init=False, repr=False, compare=False)  # by paths asked for

    def __post_init__(self) -> None:
        object.__setattr__(self, "hybrid_connections", tuple(self.hybrid_connections))
        object.__setattr__(self, "rules", tuple(self.rules))
        _check_rules(self.rules, "the namespace")
        if len(self.hybrid_connections) > MAX_HYBRID_CONNECTIONS:
            raise ConfigError(f"a namespace has at most {MAX_HYBRID_CONNECTIONS} hybrid connections")
        by_key: dict[str, HybridConnection] = {}
        for connection in self.hybrid_connections:
            if connection.key in by_key:
                raise ConfigError(f"the hybrid connection {connection.path!r} stands twice in the configuration")
            by_key[connection.key] = connection
        object.__setattr__(self, "_by_key", by_key)
        object.__setattr__(self, "_found", {})

    def find(self, path: str) -> HybridConnection | None:
        """The hybrid connection that ``path`` (percent-encoded or not) belongs to; the longest when several fit."""
        try:
            return self._found[path]
        except KeyError:
            pass
        segments = [unquote(segment).lower() for segment in path.strip("/").split("/")]
        found = None
        for count in range(len(segments), 0, -1):
            found = self._by_key.get("/".join(segments[:count]))
            if found is not None:
                break
        if len(self._found) >= MAX_FOUND:
            self._found.clear()
        if len(path) <= MAX_FOUND_PATH:
            self._found[path] = found
        return found

    def all_rules(self) -> Iterable[Rule]:
        """Every rule of the namespace and of everything in it."""
        yield from self.rules
        for connection in self.hybrid_connections:
            yield from connection.rules


def load_config(path: Path) -> EmulatorConfig:
    """Read the file at ``path``; ``ConfigError`` with one sentence when it is missing, unreadable or wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_CONFIG_BYTES} bytes")
    try:
        return parse_config(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_config(text: str) -> EmulatorConfig:
    """Read TOML; ``ConfigError`` names the first thing that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"is not valid TOML: {error}") from error
    _check_names(document, {"behaviour", "hybrid_connection", "management", "rule"}, set(), "the file")
    return EmulatorConfig(
        tuple(
            _hybrid_connection(table, f"hybrid_connection {number}")
            for number, table in enumerate(_tables(document, "hybrid_connection", "the file"), 1)
        ),
        _rules(document, "the namespace"),
        _behaviour(document),
    )


def _behaviour(document: dict[str, Any]) -> Behaviour:
    table = document.get("behaviour", {})
    if not isinstance(table, dict):
        raise ConfigError("behaviour must be written as a [behaviour] table")
    try:
        return parse_behaviour(table)
    except BehaviourError as error:
        raise ConfigError(str(error)) from error


def _hybrid_connection(table: dict[str, Any], place: str) -> HybridConnection:
    if isinstance(table.get("path"), str):
        place = f"hybrid_connection {table['path'][:80]!r}"
    _check_names(table, {"path", "requires_client_authorization", "rule"}, {"path"}, place)
    return HybridConnection(
        _value(table, "path", str, "a text", place=place),
        _value(table, "requires_client_authorization", bool, "true or false", place=place, default=True),
        _rules(table, place),
    )


def _rules(table: dict[str, Any], place: str) -> tuple[Rule, ...]:
    found = []
    for number, rule in enumerate(_tables(table, "rule", place), 1):
        named = f" {rule['name'][:80]!r}" if isinstance(rule.get("name"), str) else f" {number}"
        where = f"rule{named} of {place}"
        _check_names(rule, {"name", "rights", "primary_key", "secondary_key"}, {"name", "rights", "primary_key"}, where)
        rights = _value(rule, "rights", list, f"a list of {', '.join(RIGHTS)}", place=where)
        if not all(isinstance(right, str) for right in rights):
            raise ConfigError(f"rights of {where} must be a list of {', '.join(RIGHTS)}")
        found.append(
            Rule(
                _value(rule, "name", str, "a text", place=where),
                frozenset(rights),
                _value(rule, "primary_key", str, "a text", place=where),
                _value(rule, "secondary_key", str, "a text", place=where),
            )
        )
    return tuple(found)


def _tables(table: dict[str, Any], name: str, place: str) -> list[dict[str, Any]]:
    value = table.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ConfigError(f"{name} of {place} must be written as [[{name}]] tables")
    return value


def _value(table: dict[str, Any], name: str, kind: type, wanted: str, *, place: str, default: Any = None) -> Any:
    if name not in table:
        return default
    value = table[name]
    # The value is never repeated: it may be a key that stands in the wrong line.
    if type(value) is not kind:
        raise ConfigError(f"{name} of {place} must be {wanted}")
    return value


def _check_names(table: dict[str, Any], known: set[str], required: set[str], place: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigError(f"unknown key {name[:80]!r} in {place}; known are {', '.join(sorted(known))}")
    for name in sorted(required):
        if name not in table:
            raise ConfigError(f"{name} is missing in {place}")


def _check_rules(rules: tuple[Rule, ...], place: str) -> None:
    if len(rules) > MAX_RULES:
        raise ConfigError(f"{place} has {len(rules)} rules; at most {MAX_RULES} are allowed")
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise ConfigError(f"the rule {rule.name!r} stands twice at {place}")
        seen.add(rule.name)
