"""A request that is being answered: what its connection is told."""

from __future__ import annotations

from typing import cast

import pytest

from relay_bridge.emulator.call import Call
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.http_head import parse_head


class Wire:
    """Stands where a connection stands, and keeps what it is told."""

    def __init__(self) -> None:
        self.is_open = True
        self.told: list[object] = []

    def write(self, data: bytes) -> bool:
        self.told.append(data)
        return True

    def call_answered(self, *, close: bool) -> None:
        self.told.append("closes" if close else "goes on")

    def cut(self) -> None:
        self.told.append("cut")


def call(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> tuple[Call, Wire]:
    wire = Wire()
    return Call(cast("Connection", wire), parse_head(b"\r\n".join((start, *lines))), 0.0), wire


def test_one_answer_and_no_second() -> None:
    found, wire = call()
    found.respond(b"first")
    found.respond(b"second")
    found.finish(close=True)
    assert wire.told == [b"first", "goes on"]


@pytest.mark.parametrize(
    ("start", "line"), [(b"GET / HTTP/1.0", b"A: b"), (b"GET / HTTP/1.1", b"Connection: close"),
                        (b"PUT / HTTP/1.1", b"Content-Length: 3")],
)  # fmt: skip
def test_connection_ends_when_it_must(start: bytes, line: bytes) -> None:
    found, wire = call(line, start=start)
    assert found.will_close
    found.respond(b"answer")
    assert wire.told == [b"answer", "closes"]


def test_parts_and_a_break() -> None:
    found, wire = call()
    assert not found.begun
    found.write(b"part")
    assert found.begun
    found.cut()
    found.respond(b"too late")
    assert wire.told == [b"part", "cut"]


def test_body_is_asked_for_only_of_who_waits() -> None:
    found, wire = call(b"Content-Length: 3", b"Expect: 100-continue")
    found.ask_for_body()
    assert wire.told == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    found, wire = call(b"Content-Length: 3")
    found.ask_for_body()
    assert wire.told == []
