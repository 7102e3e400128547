"""Bytes to documents: what is refused before it costs anything, and what careless software may still write."""

from __future__ import annotations

import json
import math
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay_bridge.agent.drivers.rest.documents import MAX_DEPTH, MAX_NODES, parse_document
from relay_bridge.agent.drivers.rest.problems import Trouble

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@settings(max_examples=40, deadline=None)
@given(PLAIN)
def test_what_json_can_say_is_read(document: object) -> None:
    assert parse_document(json.dumps(document).encode()) == document
    assert (
        parse_document(b"\xef\xbb\xbf" + json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")) is not ...
    )


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ 1eE.-ntfu', max_size=200).map(str.encode))
def test_bytes_of_any_kind_are_a_document_or_trouble(data: bytes) -> None:
    try:
        parse_document(data)
    except Trouble as trouble:
        assert trouble.reach == "answer"


def test_nan_and_infinity_are_numbers_that_are_none() -> None:
    document = parse_document(b'{"a": NaN, "b": -Infinity, "c": 1e999}')
    assert math.isnan(document["a"]) and document["b"] == -math.inf and document["c"] == math.inf


def test_64_bit_integers_keep_every_digit() -> None:
    assert parse_document(b"[18446744073709551615]") == [18446744073709551615]


def test_windows_1252_is_read_as_such() -> None:
    assert parse_document('{"unit": "°C", "price": "€"}'.encode("cp1252")) == {"unit": "°C", "price": "€"}


def test_depth_is_counted_outside_of_strings() -> None:
    assert parse_document(json.dumps("[" * 1000).encode()) == "[" * 1000
    assert parse_document(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(Trouble, match="deeper than 64"):
        parse_document(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    with pytest.raises(Trouble, match="deeper than 64"):
        parse_document(b'{"a":' * 100_000)


def test_a_name_twice_has_no_meaning() -> None:
    with pytest.raises(Trouble, match="twice"):
        parse_document(b'{"tank": {"level": 1, "temp": 2, "level": 3}}')


@pytest.mark.parametrize("part", [b"[],", b"{},", b"0,", b'"",', b'{"a":1},'])
def test_too_many_values_are_refused_before_they_are_built(part: bytes) -> None:
    data = b"[" + part * (4 * 1024 * 1024 // len(part)) + b"0]"
    tracemalloc.start()
    try:
        with pytest.raises(Trouble, match=f"more than {MAX_NODES} values"):
            parse_document(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(data)  # as objects they would be ten times as much


def test_a_long_string_and_many_escapes_take_no_more_than_their_length() -> None:
    data = b'{"text": "' + b'\\"x' * 700_000 + b'"}'
    began = time.perf_counter()
    assert len(parse_document(data)["text"]) == 1_400_000
    assert time.perf_counter() - began < 1.0
    with pytest.raises(Trouble, match="not JSON"):
        parse_document(b'"' + b'\\"' * 1_000_000)


@pytest.mark.parametrize("data", [b"", b"{", b"[1,]", b"<html></html>", b"\x00", b"1" * 5000, b'{"a":1}{"b":2}'])
def test_what_is_no_json_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(Trouble, match="is not JSON"):
        parse_document(data)
