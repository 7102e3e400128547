"""The namespace as it stands: what the configuration file declares, and beside it what was made over ARM.

What is declared cannot be changed from here, and wins where both have the same path or rule. Every change is on disk
before it counts.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from relay_bridge.emulator.management.arm import ArmError
from relay_bridge.emulator.management.state import MadeHybridConnection, MadeNamespace, State, StateFile
from relay_bridge.emulator.namespace import ConfigError, EmulatorConfig, HybridConnection, Rule
from relay_bridge.protocol.limits import MAX_RULES

logger = logging.getLogger(__name__)

ROOT_RULE: Final = "RootManageSharedAccessKey"  # every namespace has it from the start
NEW_KEY_BYTES: Final = 32  # random bytes, written as 44 characters
DEFAULT_LOCATION: Final = "local"


class Entities:
    """``clock`` gives Unix seconds. ``apply`` is called with the whole namespace after every change."""

    def __init__(
        self,
        declared: EmulatorConfig,
        file: StateFile,
        clock: Callable[[], float],
        apply: Callable[[EmulatorConfig], None] = lambda config: None,
    ) -> None:
        """Read the file, or make it. Raises ``ConfigError`` when it cannot be used, or not beside ``declared``."""
        self._declared = declared
        self._file = file
        self._clock = clock
        self._apply = apply
        self._changing = asyncio.Lock()  # one change after the other: each is written as a whole
        self.started_at = clock()
        self._state, found = self._load()
        if not found:
            self._write(self._state)
        self._warn_about_shadowed()

    @property
    def state(self) -> State:
        return self._state

    @property
    def declared(self) -> EmulatorConfig:
        return self._declared

    @property
    def config(self) -> EmulatorConfig:
        """Everything there is."""
        return combined(self._declared, self._state)

    def declare(self, declared: EmulatorConfig) -> None:
        """The configuration file says something else now. Raises ``ConfigError``, and nothing has changed then."""
        config = combined(declared, self._state)
        self._declared = declared
        self._warn_about_shadowed()
        self._apply(config)

    async def change(self, make: Callable[[State], State]) -> None:
        """Put ``make`` of the state in its place. ``make`` raises ``ArmError`` to refuse.

        Raises ``ArmError`` 500 when it cannot be written; nothing has changed then.
        """
        async with self._changing:
            state = make(self._state)
            if state is self._state:
                return
            try:
                combined(self._declared, state)
            except ConfigError as error:
                raise ArmError(409, "QuotaExceeded", f"{_sentence(str(error))}.") from error
            try:
                await asyncio.to_thread(self._file.write, state)
            except OSError as error:
                logger.error("The management state was not saved to %s: %s.", self._file.path, error.strerror)  # noqa: TRY400
                raise ArmError(500, "StateNotSaved", "The relay could not save this; nothing was changed.") from error
            self._state = state
            self._apply(self.config)

    # What there is

    def now(self) -> float:
        return self._clock()

    def find_namespace(self) -> MadeNamespace | None:
        """None after it was deleted; as long as the file declares something, there is one."""
        declared = self._declared.hybrid_connections or self._declared.rules
        if self._state.namespace is None and declared:
            return MadeNamespace(DEFAULT_LOCATION, self.started_at, self.started_at)
        return self._state.namespace

    def namespace(self) -> MadeNamespace:
        """Raises ``ArmError`` 404 after it was deleted."""
        found = self.find_namespace()
        if found is None:
            raise ArmError(404, "ResourceNotFound", "The namespace was deleted; a PUT makes it again.")
        return found

    def connection(self, path: str) -> MadeHybridConnection:
        """The hybrid connection at exactly ``path``. Raises ``ArmError`` 404."""
        self.namespace()
        declared = declared_connection(self._declared, path)
        if declared is not None:
            return MadeHybridConnection(declared, None, self.started_at, self.started_at)
        made = self._state.hybrid_connections.get(path.lower())
        if made is None:
            raise ArmError(404, "ResourceNotFound", f"The hybrid connection {path[:260]!r} was not found.")
        return made

    def connections(self) -> list[MadeHybridConnection]:
        """All of them, by path."""
        self.namespace()
        found = dict(self._state.hybrid_connections)
        for connection in self._declared.hybrid_connections:
            found[connection.key] = MadeHybridConnection(connection, None, self.started_at, self.started_at)
        return [found[key] for key in sorted(found)]

    def rules(self, path: str | None) -> tuple[Rule, ...]:
        """The rules of a hybrid connection, or (None) of the namespace. Raises ``ArmError`` 404."""
        return namespace_rules(self._declared, self._state) if path is None else self.connection(path).connection.rules

    def rule(self, path: str | None, name: str) -> Rule:
        """Raises ``ArmError`` 404."""
        self.namespace()
        rule = find_rule(self.rules(path), name)
        if rule is None:
            raise ArmError(404, "ResourceNotFound", f"The authorization rule {name[:256]!r} was not found.")
        return rule

    def _load(self) -> tuple[State, bool]:
        state = self._file.read()
        if state is None:
            space = new_namespace(DEFAULT_LOCATION, self.started_at)
            room = len(self._declared.rules) < MAX_RULES
            return State(space if room else replace(space, rules=())), False
        combined(self._declared, state)
        return state, True

    def _write(self, state: State) -> None:
        try:
            self._file.write(state)
        except OSError as error:
            reason = error.strerror or error
            raise ConfigError(f"{self._file.path}: the state file cannot be written: {reason}") from error

    def _warn_about_shadowed(self) -> None:
        for key in self._state.hybrid_connections:
            if declared_connection(self._declared, key) is not None:
                logger.warning(
                    "The hybrid connection %s stands in the configuration file and in %s; the former counts.",
                    key, self._file.path,
                )  # fmt: skip


def combined(declared: EmulatorConfig, state: State) -> EmulatorConfig:
    """Both as one namespace. Raises ``ConfigError`` when together they are over a limit."""
    made = [
        made.connection for key, made in state.hybrid_connections.items() if declared_connection(declared, key) is None
    ]
    return replace(
        declared,
        hybrid_connections=(*declared.hybrid_connections, *made),
        rules=namespace_rules(declared, state),
    )


def namespace_rules(declared: EmulatorConfig, state: State) -> tuple[Rule, ...]:
    made = state.namespace.rules if state.namespace is not None else ()
    return (*declared.rules, *(rule for rule in made if find_rule(declared.rules, rule.name) is None))


def declared_connection(declared: EmulatorConfig, path: str) -> HybridConnection | None:
    """What the file declares at exactly ``path``, without regard to case."""
    found = declared.find(path)
    return found if found is not None and found.key == path.lower() else None


def find_rule(rules: tuple[Rule, ...], name: str) -> Rule | None:
    """ARM finds names without regard to case."""
    return next((rule for rule in rules if rule.name.lower() == name.lower()), None)


def new_namespace(location: str, now: float) -> MadeNamespace:
    root = Rule(ROOT_RULE, frozenset({"Listen", "Send", "Manage"}), new_key(), new_key())
    return MadeNamespace(location, now, now, rules=(root,))


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(NEW_KEY_BYTES)).decode("ascii")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
