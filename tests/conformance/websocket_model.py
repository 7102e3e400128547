"""What the WebSocket rows speak of: calls, plans, messages and closes, and the face every listener and sender has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["text", "binary"]
IN_HEADER = "ServiceBusAuthorization"
# The name of our listener and our sender when they take bytes only and are asked for nothing: as Sightline uses them.
BY_DEFAULT = "ours-by-default"


@dataclass(frozen=True)
class Message:
    kind: Kind
    size: int
    digest: str


@dataclass(frozen=True)
class Close:
    code: int | None
    reason: str = ""


@dataclass(frozen=True)
class Plan:
    """What a listener does with its next connection."""

    do: Literal["echo", "close", "close-on-message", "burst", "burst-on-message", "sink", "ping", "drop"] = "echo"
    code: int = 1000
    reason: str = ""
    count: int = 1
    size: int = 0  # bytes of the first message of a burst; each further one is a byte longer
    kind: Kind = "binary"


@dataclass(frozen=True)
class Call:
    """How a sender connects. ``target``: what follows the hybrid connection's path; "{token}" is put in there."""

    target: str = ""
    token_in: str = IN_HEADER
    headers: tuple[tuple[str, str], ...] = ()
    protocols: tuple[str, ...] = ()


PLAIN_CALL = Call()


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Opened:
    """A connection as its listener sees it. ``target``: what the sender asked for beyond the hybrid connection."""

    target: str
    protocol: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # of the sender's handshake; hyco-ws shows none


@dataclass(frozen=True)
class Ended:
    """How a connection ended for its listener, and the messages until then."""

    close: Close
    messages: list[Message] = field(default_factory=list)


class Socket(Protocol):
    """A sender's open socket."""

    protocol: str

    async def send(self, kind: Kind, size: int, count: int = 1) -> None: ...
    async def receive(self, count: int = 1) -> list[Message]: ...
    async def ping(self) -> None:
        """Return when a pong has brought back what the ping carried."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> Close: ...
    async def closed(self) -> Close: ...


class Sender(Protocol):
    name: str

    async def connect(self, call: Call = PLAIN_CALL) -> Socket: ...


class Listener(Protocol):
    name: str

    async def plan(self, plan: Plan) -> int:
        """What to do with the next connection that has no plan yet; the number by which to ask about it."""
        ...

    async def opened(self, number: int) -> Opened: ...
    async def ended(self, number: int) -> Ended: ...
