"""Messages from frames."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.frames import FrameError, Opcode, Piece
from relay_bridge.emulator.messages import MessageReader


def test_whole_and_in_fragments() -> None:
    reader = MessageReader(max_text=4, max_binary=3)
    assert reader.take(Piece(Opcode.TEXT, True, b"abcd")) == (True, b"abcd")
    assert reader.take(Piece(Opcode.BINARY, False, b"a")) is None
    assert reader.take(Piece(Opcode.CONTINUATION, False, b"")) is None
    assert reader.take(Piece(Opcode.CONTINUATION, True, b"bc")) == (False, b"abc")
    assert reader.take(Piece(Opcode.BINARY, True, b"")) == (False, b"")


@pytest.mark.parametrize(
    "pieces",
    [
        [(Opcode.TEXT, True, b"abcde")],
        [(Opcode.BINARY, True, b"abcd")],
        [(Opcode.TEXT, False, b"abc"), (Opcode.CONTINUATION, False, b"de")],
        [(Opcode.BINARY, False, b"abcd")],
    ],
)
def test_too_long_is_1009(pieces: list[tuple[int, bool, bytes]]) -> None:
    reader = MessageReader(max_text=4, max_binary=3)
    with pytest.raises(FrameError) as caught:
        for piece in pieces:
            reader.take(Piece(*piece))
    assert caught.value.code == 1009
