"""JSON Pointer as RFC 6901 shows it."""

from __future__ import annotations

import pytest

from relay_bridge.agent.drivers.rest.pointers import MISSING, escape_token, find, parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError

# RFC 6901, 5.
DOCUMENT = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DOCUMENT), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8),
    ],
)  # fmt: skip
def test_the_examples_of_the_rfc(pointer: str, value: object) -> None:
    assert find(DOCUMENT, parse_pointer(pointer)) == value


@pytest.mark.parametrize(
    "pointer", ["/none", "/foo/2", "/foo/-", "/foo/01", "/foo/x", "/foo/0/x", "/foo/1e0", "/foo/-1", "/foo/99999999999"]
)
def test_nothing_is_missing_and_never_an_error(pointer: str) -> None:
    assert find(DOCUMENT, parse_pointer(pointer)) is MISSING


def test_null_is_something() -> None:
    assert find({"a": None}, ("a",)) is None


@pytest.mark.parametrize("text", ["foo", "/a~", "/a~2", "/" * 40])
def test_what_is_no_pointer_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_pointer(text)


@pytest.mark.parametrize("text", ["a/b", "~1", "m~n/", ""])
def test_an_escaped_token_is_itself_again(text: str) -> None:
    assert parse_pointer("/" + escape_token(text)) == (text,)
