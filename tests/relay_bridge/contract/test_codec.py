"""Messages to bytes and back: exact bytes, every bound, and nothing that escapes."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.contract.codec import (
    BAD_OUT_OF_RANGE_NUMBER,
    decode_from_agent,
    decode_parameters,
    decode_request,
    decode_result,
    encode,
    encode_refusal,
    encode_request,
    encode_result,
    normalise,
    parse_read_item,
    parse_update_item,
    read_item,
    update_item,
)
from relay_bridge.contract.errors import MalformedMessage, RequestRefused
from relay_bridge.contract.messages import (
    MAX_MESSAGE,
    Answer,
    Auth,
    Bye,
    CatalogAnswer,
    CatalogTag,
    Credit,
    Delta,
    Drop,
    Empty,
    Heartbeat,
    Hello,
    Limits,
    PingAnswer,
    Read,
    ReadAnswer,
    Request,
    Snapshot,
    SourceState,
    Sub,
)
from relay_bridge.contract.readings import MAX_TEXT, Reading

T = 1_795_370_000_000


# --- exact bytes: docs/process-api.md shows these ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (encode_request(1, "hello", Hello(v=1)), b'{"i":1,"m":"hello","p":{"v":1}}'),
        (
            encode_request(7, "read", Read(tags=["TK-101.level"]), 3),
            b'{"i":7,"m":"read","a":3,"p":{"tags":["TK-101.level"]}}',
        ),
        (
            encode_request(8, "sub", Sub(tags=["TK-101.level"], rate=1000), 3),
            b'{"i":8,"m":"sub","a":3,"p":{"tags":["TK-101.level"],"rate":1000}}',
        ),
        (encode_request(9, "drop", Drop(a=[1, 4])), b'{"i":9,"m":"drop","p":{"a":[1,4]}}'),
        (encode_result(7, PingAnswer(t=T)), b'{"i":7,"r":{"t":1795370000000}}'),
        (encode_result(9, Empty()), b'{"i":9,"r":{}}'),
        (encode_refusal(7, RequestRefused("auth", "No.")), b'{"i":7,"e":{"c":"auth","msg":"No."}}'),
        (
            encode_refusal(7, RequestRefused("source_refused", "No.", status=0x803D0000, detail={"tag": "x"})),
            b'{"i":7,"e":{"c":"source_refused","msg":"No.","ua":2151481344,"d":{"tag":"x"}}}',
        ),
        (encode(Snapshot(n=801, t=T, d=[[3, 12.345]])), b'{"k":"s","n":801,"t":1795370000000,"d":[[3,12.345]]}'),
        (
            encode(Delta(n=802, t=T, d=[[7, None, 0, 2156658688]])),
            b'{"k":"d","n":802,"t":1795370000000,"d":[[7,null,0,2156658688]]}',
        ),
        (
            encode(Heartbeat(n=1, t=T, src={"main": SourceState(2, T, "no answer")})),
            b'{"k":"h","n":1,"t":1795370000000,"src":{"main":[2,1795370000000,"no answer"]}}',
        ),
        (encode(Bye(n=2, t=T, why="lease")), b'{"k":"bye","n":2,"t":1795370000000,"why":"lease"}'),
        (encode(Credit(ok=802)), b'{"ok":802}'),
    ],
)  # fmt: skip
def test_bytes_on_the_wire(message: bytes, wire: bytes) -> None:
    assert message == wire


def test_requests_and_credits_are_told_apart() -> None:
    request = decode_request(encode_request(7, "read", Read(tags=["a"]), 3))
    assert isinstance(request, Request) and (request.i, request.m, request.a) == (7, "read", 3)
    assert decode_parameters(request) == Read(tags=["a"])
    assert decode_request(b'{"ok":5}') == Credit(ok=5)


def test_answers_and_pushes_are_told_apart() -> None:
    answer = decode_from_agent(encode_result(7, PingAnswer(t=T)))
    assert isinstance(answer, Answer) and decode_result(answer, PingAnswer) == PingAnswer(t=T)
    assert decode_from_agent(encode(Bye(n=2, t=T, why="lease"))) == Bye(n=2, t=T, why="lease")


def test_refusal_arrives_as_it_was_raised() -> None:
    answer = decode_from_agent(encode_refusal(7, RequestRefused("busy", "Later.", status=5, detail={"x": 1})))
    assert isinstance(answer, Answer)
    with pytest.raises(RequestRefused) as refused:
        decode_result(answer, PingAnswer)
    assert (refused.value.code, refused.value.message, refused.value.status) == ("busy", "Later.", 5)
    assert refused.value.detail == {"x": 1} and refused.value.retryable


# --- bounds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"7", b"\xff\xfe", b'{"i":1}', b'{"m":"ping"}', b'{"i":0,"m":"ping"}',
        b'{"i":-1,"m":"ping"}', b'{"i":1.5,"m":"ping"}', b'{"i":"1","m":"ping"}', b'{"i":1,"m":5}',
        b'{"i":1,"m":"ping","x":1}', b'{"i":1,"m":"ping","a":0}', b'{"i":1,"m":"ping","a":-1}',
        b'{"i":99999999999999999999,"m":"ping"}', b'{"ok":-1}', b'{"ok":1,"x":2}', b'{"ok":"1"}', b'{"ok":1}{"ok":1}',
        b"[" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_request_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_request(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b'{"k":"x"}', b'{"k":"s","n":1}', b'{"k":"s","n":-1,"t":1,"d":[]}', b'{"k":"s","n":1,"t":1,"d":{}}',
     b'{"k":"s","n":1,"t":1,"d":[],"full":2}', b'{"k":"h","n":1,"t":1,"src":{"main":[3]}}', b'{"i":1,"z":1}',
     b'{"k":"bye","n":1,"t":1,"why":"' + b"x" * 201 + b'"}', b"\xff"],
)  # fmt: skip
def test_what_is_neither_answer_nor_push_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode_from_agent(data)


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_else_escape(data: bytes) -> None:
    for decode in (decode_request, decode_from_agent):
        with contextlib.suppress(MalformedMessage):
            decode(data)


def test_message_over_64_kib_is_neither_sent_nor_read() -> None:
    long = Snapshot(n=1, t=T, d=[[1, "x" * MAX_MESSAGE]])
    with pytest.raises(MalformedMessage, match="over the limit"):
        encode(long)
    with pytest.raises(MalformedMessage, match="over the limit"):
        encode_result(1, ReadAnswer(t=T, d=[["a", "x" * MAX_MESSAGE]]))
    data = b'{"i":1,"m":"ping","p":"' + b"x" * MAX_MESSAGE + b'"}'
    for decode in (decode_request, decode_from_agent):
        with pytest.raises(MalformedMessage, match="over the limit"):
            decode(data)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("read", {"tags": []}),
        ("read", {"tags": ["a"] * 201}),
        ("read", {"tags": ["a" * 129]}),
        ("read", {"tags": [""]}),
        ("read", {"tags": ["a b"]}),
        ("read", {"tags": ["a/b"]}),
        ("read", {"tags": ["ns=2;s=x"]}),
        ("read", {"tags": ["a\n"]}),
        ("read", {"tags": "a"}),
        ("read", {}),
        ("read", {"tags": ["a"], "host": "plant"}),
        ("read", {"tags": ["a"], "fresh": 1}),
        ("sub", {"tags": ["a"], "rate": 249}),
        ("sub", {"tags": ["a"], "rate": 60001}),
        ("rate", {"ms": 100}),
        ("rate", {"ms": "1000"}),
        ("auth", {"token": "x" * 60_001}),
        ("auth", {"token": "x", "a": 0}),
        ("drop", {"a": []}),
        ("drop", {"a": [0]}),
        ("drop", {"a": 1}),
        ("drop", {"a": [1] * 257}),
        ("drop", {}),
        ("catalog", {"max": 0}),
        ("catalog", {"max": 201}),
        ("catalog", {"cur": -1}),
        ("catalog", {"have": "x" * 65}),
        ("hello", {"v": "1"}),
        ("hello", {}),
        ("ping", {"x": 1}),
        ("ping", []),
    ],
)
def test_parameters_out_of_bounds_are_refused_by_name(method: str, parameters: Any) -> None:
    request = Request(i=1, m=method, p=msgspec.Raw(msgspec.json.encode(parameters)))
    with pytest.raises(RequestRefused) as refused:
        decode_parameters(request)
    assert refused.value.code == "bad_request" and refused.value.message.startswith(f"{method}:")


@pytest.mark.parametrize("method", ["delete", "browse", "", "READ", "__init__", "x" * 1000])
def test_unknown_method_is_unsupported_and_named_shortly(method: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        decode_parameters(Request(i=1, m=method))
    assert refused.value.code == "unsupported" and len(refused.value.message) < 100


def test_empty_and_wrong_results_are_malformed() -> None:
    with pytest.raises(MalformedMessage, match="neither result nor error"):
        decode_result(Answer(i=1), PingAnswer)
    with pytest.raises(MalformedMessage, match="not a PingAnswer"):
        decode_result(Answer(i=1, r=msgspec.Raw(b'{"x":1}')), PingAnswer)


def test_catalog_row_survives_the_wire() -> None:
    row = CatalogTag(
        id="TK-1.level", name="Level", asset="TK-1", source="main", unit="m", dec=3, lo=0.0, hi=15.0, canon="level",
        lim=Limits(ll=0.5, hh=14.0), enums={"0": "Ruhe"},
    )  # fmt: skip
    answer = decode_from_agent(encode_result(1, CatalogAnswer(cat="c", tags=[row])))
    assert isinstance(answer, Answer) and decode_result(answer, CatalogAnswer).tags == [row]


def test_token_never_shows_in_the_text_of_an_error() -> None:
    token = "s3cret" * 11_000
    with pytest.raises(RequestRefused) as refused:
        decode_parameters(Request(i=1, m="auth", p=msgspec.Raw(msgspec.json.encode({"token": token}))))
    assert "s3cret" not in refused.value.message
    assert decode_parameters(Request(i=1, m="auth", p=msgspec.Raw(b'{"token":"x"}'))) == Auth(token="x")


# --- readings as items --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (None, 2, (None, None)),
        (True, 2, (True, None)),
        (12.34567, 3, (12.346, None)),
        (12.34567, None, (12.34567, None)),
        (12, 2, (12, None)),
        (2**53, 0, (2**53, None)),
        (2**53 + 1, 0, (str(2**53 + 1), None)),
        (-(2**63), 0, (str(-(2**63)), None)),
        (math.nan, 2, (None, BAD_OUT_OF_RANGE_NUMBER)),
        (-math.inf, 2, (None, BAD_OUT_OF_RANGE_NUMBER)),
        ("<b>ok</b>", 2, ("<b>ok</b>", None)),
        ("x" * MAX_TEXT, 2, ("x" * MAX_TEXT, None)),
        ("x" * (MAX_TEXT + 1), 2, ("x" * (MAX_TEXT - 1) + "~", None)),
    ],
)
def test_values_are_made_fit_to_travel(value: Any, decimals: int | None, expected: tuple[Any, int | None]) -> None:
    assert normalise(value, decimals) == expected


values = st.one_of(
    st.none(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53), st.text()
)
readings = st.builds(Reading, value=values, time=st.integers(0, 2**50), quality=st.integers(0, 2**32 - 1))


@given(readings, st.integers(0, 2**50), st.integers(1, 5000))
def test_items_survive_the_wire(reading: Reading, frame_time: int, handle: int) -> None:
    item = msgspec.json.decode(msgspec.json.encode(update_item(handle, reading, frame_time)))
    assert parse_update_item(item, frame_time) == (handle, reading)
    item = msgspec.json.decode(msgspec.json.encode(read_item("TK-1.level", reading)))
    assert parse_read_item(item) == ("TK-1.level", reading)


def test_trailing_zeros_are_left_out_but_values_are_not() -> None:
    assert update_item(3, Reading(0.0, T), T) == [3, 0.0]
    assert update_item(3, Reading(False, T), T) == [3, False]
    assert update_item(3, Reading(1.0, T - 400), T) == [3, 1.0, -400]
    assert update_item(3, Reading(None, T, 5), T) == [3, None, 0, 5]


@pytest.mark.parametrize("item", [[], [1], [1, 2, 3, 4, 5], ["1", 2], [1, [2]], [1, 2, "3"], [1, 2, 3.5], [1, 2, True]])
def test_items_of_another_shape_are_malformed(item: list[Any]) -> None:
    with pytest.raises(MalformedMessage):
        parse_update_item(item, T)


@pytest.mark.parametrize("item", [[], ["a"], [1, 2], ["a", {}], ["a", 1, "x"], ["a", 1, 2, 3, 4]])
def test_read_items_of_another_shape_are_malformed(item: list[Any]) -> None:
    with pytest.raises(MalformedMessage):
        parse_read_item(item)
