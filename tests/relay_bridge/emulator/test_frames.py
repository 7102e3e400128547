"""Frames as bytes: what is read, in which pieces, and what is refused."""

from __future__ import annotations

import os

import pytest

from relay_bridge.emulator.frames import (
    PIECE,
    CloseCode,
    FrameReader,
    Opcode,
    Piece,
    close_payload,
    frame,
    unmask,
    unmask_in_python,
)

# RFC 6455, 5.7: a masked "Hello".
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")


def test_example_of_the_standard_both_ways() -> None:
    assert FrameReader().feed(HELLO) == [Piece(Opcode.TEXT, True, b"Hello")]
    assert frame(Opcode.TEXT, b"Hello") == bytes.fromhex("810548656c6c6f")
    assert frame(Opcode.TEXT, b"Hel", fin=False) == bytes.fromhex("010348656c")
    assert frame(Opcode.BINARY, bytes(256))[:4] == bytes.fromhex("827e0100")
    assert frame(Opcode.BINARY, bytes(65_536))[:10] == bytes.fromhex("827f0000000000010000")


@pytest.mark.parametrize("cut", range(1, 2 * len(HELLO)))
def test_bytes_may_be_cut_anywhere(cut: int) -> None:
    reader = FrameReader()
    assert reader.feed((HELLO * 2)[:cut]) + reader.feed((HELLO * 2)[cut:]) == [Piece(1, True, b"Hello")] * 2
    assert reader.error is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 1024 * 1024])
@pytest.mark.parametrize("step", [1000, 1 << 22])
def test_sizes_and_pieces(size: int, step: int) -> None:
    mask, payload = os.urandom(4), os.urandom(size)
    head = bytearray(frame(Opcode.BINARY, payload)[: -size or None])
    head[1] |= 0x80
    data = bytes(head) + mask + unmask_in_python(mask, payload)
    reader = FrameReader()

    pieces = [piece for at in range(0, len(data), step) for piece in reader.feed(data[at : at + step])]

    assert b"".join(piece.payload for piece in pieces) == payload
    assert [piece.fin for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert [piece.opcode for piece in pieces] == [2] + [0] * (len(pieces) - 1)
    assert len(pieces) == max(1, -(-size // PIECE))


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 100, 4097])
def test_both_ways_to_unmask_agree(size: int) -> None:
    mask, payload = os.urandom(4), os.urandom(size)
    plain = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    assert unmask(mask, payload) == unmask_in_python(mask, payload) == plain


def test_pieces_before_an_error_are_kept_and_what_follows_is_not() -> None:
    reader = FrameReader()
    assert reader.feed(HELLO + b"\x82\x00" + HELLO) == [Piece(1, True, b"Hello")]
    assert reader.error is not None
    assert reader.error.code is CloseCode.PROTOCOL_ERROR
    assert reader.feed(HELLO) == []


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("8280", None),  # not complete yet
        ("82ff", None),
        ("82ff0000000040000000", None),  # 1 GiB exactly
        ("82ff0000000040000001", CloseCode.TOO_BIG),
        ("82ffffffffffffffffff", CloseCode.TOO_BIG),
        ("8200", CloseCode.PROTOCOL_ERROR),
        ("c280", CloseCode.PROTOCOL_ERROR),
        ("8480", CloseCode.PROTOCOL_ERROR),
        ("8b80", CloseCode.PROTOCOL_ERROR),
        ("8080", CloseCode.PROTOCOL_ERROR),
        ("0880", CloseCode.PROTOCOL_ERROR),
        ("88fe", CloseCode.PROTOCOL_ERROR),
        ("0180000000008180", CloseCode.PROTOCOL_ERROR),  # a new message inside another
    ],
)
def test_what_is_no_frame_of_a_client(data: str, code: CloseCode | None) -> None:
    reader = FrameReader()
    reader.feed(bytes.fromhex(data))
    assert (reader.error.code if reader.error else None) is code


def test_close_reason_is_cut_at_a_whole_character() -> None:
    assert close_payload(1001, "bye") == b"\x03\xe9bye"
    payload = close_payload(1008, "ü" * 100)
    assert len(payload) == 2 + 122
    assert payload[2:].decode() == "ü" * 61
