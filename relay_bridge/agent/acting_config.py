"""``[[write]]`` and ``[[command]]``: the only things that can ever be changed at this site, checked before the start.

What is not listed here has no name for whoever asks to act. The plant's own names (nodes, methods) never leave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

from relay_bridge.agent.config_file import Node, Section, Short
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.acting import MAX_VALUE_TEXT, ActValue, CatalogCommand, Confirm, Writable
from relay_bridge.contract.shape import TagId
from relay_bridge.contract.tokens import PROOF_LIFE

# The source's type, in the words of OPC 10000-6, 5.1.2. Each says which JSON values are of exactly this type.
DataType = Literal[
    "double", "float", "int16", "uint16", "int32", "uint32", "int64", "uint64", "byte", "sbyte", "boolean", "string",
]  # fmt: skip
_EXACT = 2**53  # beyond, JSON's numbers are not exact everywhere (contract/codec.py)
INTEGERS: dict[str, tuple[int, int]] = {
    "sbyte": (-128, 127),
    "byte": (0, 255),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-_EXACT, _EXACT),
    "uint64": (0, _EXACT),
}
FLOATS: dict[str, float] = {"float": float(_EXACT), "double": float(_EXACT)}  # the largest amount of each
_SMALLEST_STEP = 1e-9
_KIND_OF_TYPE = {"boolean": "bool", "string": "text"} | dict.fromkeys((*INTEGERS, *FLOATS), "number")
MAX_ENTRIES = 500  # writable tags and commands of a site: each is somebody's considered decision
MAX_INTERLOCKS = 8
_PIN_REAUTH = 120  # seconds: "pin" means that the person proves again for this change
_Seconds = Annotated[float, Meta(ge=0, le=3600)]


class Condition(Section, frozen=True):
    """A tag that must read exactly this, with good quality."""

    tag: TagId
    equals: ActValue


Interlocks = Annotated[list[Condition], Meta(max_length=MAX_INTERLOCKS)]


class WriteSection(Section, frozen=True):
    """One writable tag. ``min``, ``max``, ``step``, ``max_step`` and ``tolerance`` in the unit of the tag."""

    tag: TagId
    type: DataType
    scope: Literal["setpoint:write"] = "setpoint:write"
    min: float | None = None
    max: float | None = None
    step: float | None = None
    max_step: float | None = None
    choices: Annotated[list[ActValue], Meta(min_length=1, max_length=64)] | None = None
    tolerance: Annotated[float, Meta(ge=0)] = 0.0
    min_interval_s: _Seconds = 5.0
    ttl_s: Annotated[float, Meta(ge=1, le=60)] = 10.0
    settle_s: Annotated[float, Meta(ge=0, le=30)] = 3.0
    confirm: Confirm = "hold"
    reauth_s: Annotated[int, Meta(ge=10, le=PROOF_LIFE)] | None = None
    interlock: Interlocks = []


class CommandSection(Section, frozen=True):
    """One method of the source. ``expect``: the state it starts from; ``done``: what its tag reads afterwards."""

    id: TagId
    node: Node
    method: Node
    expect: Condition
    done: ActValue | None = None
    name: Short | None = None
    scope: Literal["command:execute"] = "command:execute"
    arguments: Annotated[list[ActValue], Meta(max_length=8)] = []
    min_interval_s: _Seconds = 5.0
    ttl_s: Annotated[float, Meta(ge=1, le=60)] = 10.0
    settle_s: Annotated[float, Meta(ge=0, le=30)] = 3.0
    confirm: Confirm = "hold"
    reauth_s: Annotated[int, Meta(ge=10, le=PROOF_LIFE)] | None = None
    interlock: Interlocks = []


@dataclass(frozen=True)
class Entry:
    """What both kinds have. ``tag``: what is read before and after; one action at a time on it. Times in s."""

    id: str
    tag: TagConfig
    scope: str
    ttl: float
    settle: float
    min_interval: float
    confirm: Confirm
    reauth: int
    interlock: tuple[Condition, ...]


@dataclass(frozen=True)
class WriteEntry(Entry):
    """A writable tag with its limits."""

    type: DataType
    min: float | None
    max: float | None
    step: Decimal | None
    max_step: float | None
    choices: tuple[ActValue, ...] | None
    tolerance: float

    def writable(self) -> Writable:
        """Its part of the catalog row."""
        return Writable(
            min=self.min, max=self.max, step=None if self.step is None else float(self.step), max_step=self.max_step,
            choices=None if self.choices is None else list(self.choices), confirm=self.confirm,
            ttl_ms=round(self.ttl * 1000), reauth_s=self.reauth,
        )  # fmt: skip


@dataclass(frozen=True)
class CommandEntry(Entry):
    """A command; ``node`` and ``method`` are the source's own names and stay here."""

    node: str
    method: str
    arguments: tuple[ActValue, ...]
    expect: ActValue
    done: ActValue | None
    name: str

    def row(self) -> CatalogCommand:
        """Its row in the catalog."""
        return CatalogCommand(
            id=self.id, name=self.name, asset=self.tag.asset, source=self.tag.source, expect_tag=self.tag.id,
            expect=self.expect, confirm=self.confirm, ttl_ms=round(self.ttl * 1000), reauth_s=self.reauth,
        )  # fmt: skip


def resolve_acting(
    tags: Sequence[TagConfig], writes: Sequence[WriteSection], commands: Sequence[CommandSection]
) -> tuple[tuple[WriteEntry, ...], tuple[CommandEntry, ...]]:
    """All entries in the order of the file; ``ConfigError`` names the first that cannot be meant."""
    if len(writes) + len(commands) > MAX_ENTRIES:
        raise ConfigError(f"{len(writes) + len(commands)} writes and commands are configured; {MAX_ENTRIES} at most.")
    by_id = {tag.id: tag for tag in tags}
    known: set[str] = set()
    for section in writes:
        if section.tag in known:
            raise ConfigError(f'[[write]] "{section.tag}": this tag has two entries; one says all there is to it.')
        known.add(section.tag)
    for command in commands:
        if command.id in by_id or command.id in known:
            raise ConfigError(f'[[command]] "{command.id}": this id is a tag or another command already.')
        known.add(command.id)
    return tuple(_write(section, by_id) for section in writes), tuple(_command(section, by_id) for section in commands)


def _write(section: WriteSection, tags: Mapping[str, TagConfig]) -> WriteEntry:
    where = f'[[write]] "{section.tag}"'
    tag = _tag(where, section.tag, tags)
    kind = _KIND_OF_TYPE[section.type]
    if tag.kind != kind:
        raise ConfigError(f'{where}: type = "{section.type}" does not go with a tag of kind "{tag.kind}".')
    _check_limits(where, section, kind)
    for choice in section.choices or ():
        if not of_type(section.type, choice) or not _inside(section, choice):
            raise ConfigError(f"{where}: choices: {_shown(choice)} is no {section.type} between min and max.")
    return WriteEntry(
        id=section.tag, tag=tag, scope=section.scope, ttl=section.ttl_s, settle=section.settle_s,
        min_interval=section.min_interval_s, confirm=section.confirm, reauth=_reauth(section),
        interlock=_interlock(where, section.interlock, tags), type=section.type, min=section.min, max=section.max,
        step=None if section.step is None else Decimal(repr(section.step)), max_step=section.max_step,
        choices=None if section.choices is None else tuple(section.choices), tolerance=section.tolerance,
    )  # fmt: skip


def _check_limits(where: str, section: WriteSection, kind: str) -> None:
    numbers = {"min": section.min, "max": section.max, "step": section.step, "max_step": section.max_step}
    if kind != "number":
        given = [name for name, value in numbers.items() if value is not None]
        if given:
            raise ConfigError(f'{where}: {given[0]} is for numbers, and type = "{section.type}" is none.')
        if kind == "text" and section.choices is None:
            raise ConfigError(f'{where}: a text needs "choices", the list of texts that may be written.')
        return
    if section.choices is None and (section.min is None or section.max is None):
        raise ConfigError(f'{where}: lacks "min" and "max", the limits within which anybody may write (or "choices").')
    if any(value is not None and not math.isfinite(value) for value in (*numbers.values(), section.tolerance)):
        raise ConfigError(f"{where}: its numbers must be finite.")
    if section.min is not None and section.max is not None and section.min > section.max:
        raise ConfigError(f"{where}: min must not be above max.")
    for name in ("step", "max_step"):
        value = numbers[name]
        if value is not None and value < _SMALLEST_STEP:
            raise ConfigError(f"{where}: {name} must be above 0, and {_SMALLEST_STEP:g} at least.")
    low, high = INTEGERS.get(section.type, (-FLOATS.get(section.type, 0), FLOATS.get(section.type, 0)))
    for name in ("min", "max"):
        value = numbers[name]
        if value is not None and not low <= value <= high:
            raise ConfigError(f"{where}: {name} is beyond what a {section.type} can hold.")


def _command(section: CommandSection, tags: Mapping[str, TagConfig]) -> CommandEntry:
    where = f'[[command]] "{section.id}"'
    tag = _tag(f"{where}: expect", section.expect.tag, tags)
    expect = _as_read(section.expect.equals, tag)
    _check_equals(f"{where}: expect", expect, tag)
    done = None if section.done is None else _as_read(section.done, tag)
    if done is not None:
        _check_equals(f"{where}: done", done, tag)
    return CommandEntry(
        id=section.id, tag=tag, scope=section.scope, ttl=section.ttl_s, settle=section.settle_s,
        min_interval=section.min_interval_s, confirm=section.confirm, reauth=_reauth(section),
        interlock=_interlock(where, section.interlock, tags), node=section.node, method=section.method,
        arguments=tuple(section.arguments), expect=expect, done=done,
        name=section.name or section.id.rpartition(".")[2],
    )  # fmt: skip


def _interlock(where: str, conditions: Sequence[Condition], tags: Mapping[str, TagConfig]) -> tuple[Condition, ...]:
    read = []
    for condition in conditions:
        tag = _tag(f"{where}: interlock", condition.tag, tags)
        equals = _as_read(condition.equals, tag)
        _check_equals(f"{where}: interlock", equals, tag)
        read.append(Condition(condition.tag, equals))
    return tuple(read)


def _as_read(value: ActValue, tag: TagConfig) -> ActValue:
    """A state's number as a text tag reads it: a mode that the source keeps as 1 reads "1"."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and tag.kind == "text" else value


def _tag(where: str, name: str, tags: Mapping[str, TagConfig]) -> TagConfig:
    tag = tags.get(name)
    if tag is None:
        raise ConfigError(f'{where}: "{name}" is no configured tag; add it as a [[tag]] or in a [[tank]].')
    return tag


def _check_equals(where: str, value: ActValue, tag: TagConfig) -> None:
    kind = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if kind != tag.kind or (not isinstance(value, bool | str) and not abs(value) <= _EXACT):
        raise ConfigError(f'{where}: {_shown(value)} is nothing that the tag "{tag.id}" of kind "{tag.kind}" can read.')


def _reauth(section: WriteSection | CommandSection) -> int:
    if section.reauth_s is not None:
        return section.reauth_s
    return _PIN_REAUTH if section.confirm == "pin" else PROOF_LIFE


def _inside(section: WriteSection, value: ActValue) -> bool:
    if isinstance(value, bool | str):
        return True
    return (section.min is None or section.min <= value) and (section.max is None or value <= section.max)


def _shown(value: ActValue) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def of_type(type_: DataType, value: object) -> bool:
    """True when ``value`` is of exactly this type and finite: 1 is no boolean, 1.0 no int16, "1" no number."""
    if type_ == "boolean":
        return isinstance(value, bool)
    if type_ == "string":
        return isinstance(value, str) and len(value) <= MAX_VALUE_TEXT
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if type_ in FLOATS:
        return abs(value) <= FLOATS[type_]  # false for NaN and infinity too
    low, high = INTEGERS[type_]
    return isinstance(value, int) and low <= value <= high
