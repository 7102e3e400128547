"""What the HTTP rows speak of: calls, answers and what became of them, and the face every listener and sender has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tests.conformance.bodies import digest

IN_HEADER = "ServiceBusAuthorization"
HEADERS = tuple[tuple[str, str], ...]
_rows = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """What a sender asks. ``target``: what follows the hybrid connection's path; "{token}" in it becomes the token.

    ``pieces``: 0 sends the body with its length, more send it chunked in so many. ``token_in``: the header that
    carries the token, or nothing. ``sized``: says Content-Length: 0 where there is no body.
    """

    method: str = "GET"
    target: str = ""
    headers: HEADERS = ()
    size: int = 0
    pieces: int = 0
    token_in: str = IN_HEADER
    sized: bool = False


@dataclass(frozen=True)
class Answer:
    """What a listener answers. ``pieces``: 0 hands the body over at once, more write it in so many."""

    status: int = 200
    reason: str = ""
    headers: HEADERS = ()
    size: int = 0
    pieces: int = 0


@dataclass(frozen=True)
class Seen:
    """A request as its listener sees it. Names of ``headers`` are in lower case, repeated ones joined."""

    method: str
    target: str
    headers: dict[str, str]
    size: int
    digest: str


@dataclass(frozen=True)
class Outcome:
    """A response as its sender sees it. ``refused``: the relay's own answer, not the listener's."""

    status: int
    reason: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    size: int = 0
    digest: str = digest(b"")
    text: str = ""
    refused: bool = False

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Listener(Protocol):
    name: str
    path: str  # of the hybrid connection

    async def plan(self, row: str, answer: Answer) -> None: ...
    async def seen(self, row: str) -> Seen: ...


class Sender(Protocol):
    name: str

    async def request(self, call: Call) -> Outcome: ...


def new_row() -> str:
    """A name by which a listener knows which plan is for which request (header ``X-Row``)."""
    return f"row-{next(_rows)}"


def cut(data: bytes, pieces: int) -> Iterator[bytes]:
    step = -(-len(data) // max(pieces, 1)) or 1
    return (data[at : at + step] for at in range(0, len(data), step))
