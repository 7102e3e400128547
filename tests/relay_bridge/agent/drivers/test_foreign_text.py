"""Text from a process server: one line, in its own direction, bounded, and always sendable."""

from __future__ import annotations

import pytest

from relay_bridge.agent.drivers.foreign_text import foreign_text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("TK-101 Level", "TK-101 Level"),
        ("m³/h", "m³/h"),
        (b"m\xb3/h".decode("utf-8", "surrogateescape"), "m³/h"),  # Windows-1252
        ("P-101\x00\x00\x00", "P-101"),  # a PLC's text of fixed length
        ("a\nb\tc\x1b[31m", "a b c [31m"),
        ("pump \u202eno\u202c \u2066x\u2069", "pump no x"),  # would be read as "on"
        ("\u200fTK\ufeff", "TK"),
        ("a\ud800b", "a?b"),
        ("क्\u200dष", "क्\u200dष"),  # a joiner that the script needs
        ("", ""),
    ],
)
def test_what_travels(given: str, shown: str) -> None:
    assert foreign_text(given) == shown
    foreign_text(given).encode("utf-8")


def test_a_long_text_is_cut_and_says_so() -> None:
    assert foreign_text("A" * 10, 10) == "A" * 10
    assert foreign_text("A" * 11, 10) == "A" * 9 + "~"
    assert len(foreign_text("\x07é" * 10_000_000, 200)) == 200
