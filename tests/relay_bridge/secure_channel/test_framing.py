"""Framing: exact bytes, any cut, and what is refused as soon as its length is known."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.secure_channel.errors import FrameInvalid
from relay_bridge.secure_channel.framing import MAX_FRAME, FrameParser, encode_frame, encoded_size


def test_the_size_of_a_frame_is_known_before_it_is_made():
    for length in (1, 200, MAX_FRAME):
        assert encoded_size(length) == len(encode_frame(bytes(length)))


def test_the_bytes_of_a_frame():
    assert encode_frame(b"hello") == b"\x00\x00\x00\x05hello"
    assert encode_frame(bytes(MAX_FRAME))[:4] == b"\x00\x01\x00\x00"


@pytest.mark.parametrize("size", [0, MAX_FRAME + 1])
def test_a_message_of_a_wrong_size_is_not_sent(size):
    with pytest.raises(FrameInvalid, match=str(size)):
        encode_frame(bytes(size))


@given(
    messages=st.lists(st.binary(min_size=1, max_size=300), max_size=8),
    cuts=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=20),
)
def test_any_chunking_gives_the_same_messages(messages, cuts):
    stream = b"".join(encode_frame(message) for message in messages)
    parser, received, position, turn = FrameParser(), [], 0, 0
    while position < len(stream):
        step = cuts[turn % len(cuts)]
        received += parser.feed(stream[position : position + step])
        position, turn = position + step, turn + 1
    assert received == messages
    assert parser.empty


def test_incomplete_is_not_invalid():
    parser = FrameParser()
    assert parser.feed(b"\x00\x00") == []
    assert parser.feed(b"\x00\x02a") == []
    assert not parser.empty
    assert parser.feed(b"b") == [b"ab"]


@pytest.mark.parametrize("header", [b"\x00\x00\x00\x00", b"\x00\x01\x00\x01", b"\xff\xff\xff\xff", b"GET "])
def test_a_length_out_of_bounds_is_refused_at_its_fourth_byte(header):
    parser = FrameParser()
    assert parser.feed(header[:3]) == []
    with pytest.raises(FrameInvalid, match="announced"):
        parser.feed(header[3:])


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_else(data):
    with contextlib.suppress(FrameInvalid):
        FrameParser().feed(data)
