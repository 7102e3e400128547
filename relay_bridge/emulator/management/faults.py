"""Fault switches over HTTP: a closed table of names, each with its arguments and their bounds.

GET /faults              what is on, and what there is
POST /faults/NAME        {"argument": value, …}
DELETE /faults           no faults from here on
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.management.arm import Answer, ArmError
from relay_bridge.protocol.limits import IDLE_DEATH, MAX_ENTITY_PATH, MAX_LISTENERS

MAX_DELAY: Final = 3_600.0  # seconds
MAX_CLOCK_OFFSET: Final = 366 * 86_400.0  # seconds
MAX_RATE: Final = 1e12  # bytes a second
MAX_WAITING: Final = 1_000  # faults that wait for their frame


@dataclass(frozen=True)
class Argument:
    """What a switch needs to be told. ``read`` raises ``ValueError`` with the end of the sentence "NAME must be …"."""

    name: str
    read: Callable[[Any], Any]
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Switch:
    """``turn`` gets the switches and the arguments; what it returns goes into the answer."""

    turn: Callable[..., Any]
    arguments: tuple[Argument, ...] = ()
    counts: bool = False  # it returns how many sockets it met


def number(least: float, most: float, unit: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"a number of {unit} from {least:g} to {most:g}")
        return float(value)

    return read


def path(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ENTITY_PATH:
        raise ValueError("the path of a hybrid connection")
    return value


def whole(least: int, most: int, unit: str) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number of {unit} from {least} to {most}")
        return value

    return read


def status(value: Any) -> int:
    if type(value) is not int or (value != 0 and not 400 <= value <= 599):
        raise ValueError("an HTTP status from 400 to 599, or 0")
    return value


def _seconds(least: float, most: float, default: float | None = None) -> Argument:
    return Argument("seconds", number(least, most, "seconds"), required=default is None, default=default)


def _corrupt_next_frame(faults: Faults) -> None:
    if len(faults.tampers) >= MAX_WAITING:
        raise ArmError(409, "TooManyFaults", f"{MAX_WAITING} frames are waiting to be corrupted already.")
    faults.corrupt_next_frame()


_PATH: Final = Argument("path", path)

SWITCHES: Final[Mapping[str, Switch]] = {
    "drop_control_channels": Switch(Faults.drop_control_channels, (_PATH,), counts=True),
    "recycle": Switch(Faults.recycle, (_PATH,), counts=True),
    "expire_tokens": Switch(Faults.expire_tokens, (_PATH,), counts=True),
    "cut_idle": Switch(Faults.cut_idle, (_seconds(0, MAX_DELAY, IDLE_DEATH),)),
    "limit_listeners": Switch(Faults.limit_listeners, (Argument("count", whole(0, MAX_LISTENERS, "listeners")),)),
    "delay_accepts": Switch(Faults.delay_accepts, (_seconds(0, MAX_DELAY),)),
    "refuse_accepts": Switch(Faults.refuse_accepts),
    "answer_requests_with": Switch(Faults.answer_requests_with, (Argument("status", status),)),
    "drop_next_response": Switch(Faults.drop_next_response),
    "corrupt_next_frame": Switch(_corrupt_next_frame),
    "move_clock": Switch(Faults.move_clock, (_seconds(-MAX_CLOCK_OFFSET, MAX_CLOCK_OFFSET),)),
    "throttle": Switch(Faults.throttle, (Argument("bytes_per_second", number(0, MAX_RATE, "bytes")),)),
    "freeze": Switch(Faults.freeze),
    "thaw": Switch(Faults.thaw),
}


def turn(faults: Faults, name: str, body: dict[str, Any]) -> Answer:
    """Turn one switch. Raises ``ArmError`` 404 for an unknown one, 400 for arguments that do not fit."""
    switch = SWITCHES.get(name)
    if switch is None:
        raise ArmError(404, "UnknownFault", f"There is no such fault; there are {', '.join(SWITCHES)}.")
    known = {argument.name for argument in switch.arguments}
    for given in body:
        if given not in known:
            takes = ", ".join(sorted(known)) or "no arguments"
            raise ArmError(400, "InvalidArgument", f"{name} has no argument {given[:80]!r}; it takes {takes}.")
    values = {}
    for argument in switch.arguments:
        if argument.name not in body:
            if argument.required:
                raise ArmError(400, "InvalidArgument", f"{name} needs the argument {argument.name}.")
            values[argument.name] = argument.default
            continue
        try:
            values[argument.name] = argument.read(body[argument.name])
        except ValueError as error:
            raise ArmError(400, "InvalidArgument", f"{argument.name} of {name} must be {error}.") from error
    result = switch.turn(faults, **values)
    return Answer({"count": result} if switch.counts else {})


def clear(faults: Faults) -> Answer:
    faults.clear()
    return Answer({})


def listed(faults: Faults) -> Answer:
    """What is on now, and the names of everything that can be turned on."""
    on = faults.active()
    known = {name: [argument.name for argument in switch.arguments] for name, switch in SWITCHES.items()}
    return Answer({"on": on, "switches": known})
