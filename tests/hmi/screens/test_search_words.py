"""What is typed, as words; and a label's address, of which only the path counts."""

from __future__ import annotations

import pytest

from hmi.screens.search_words import MAX_TOKENS, read_label, read_query, words_of


@pytest.mark.parametrize(
    "typed", ["tk-1", "TK-101.LEVEL", "101.le", "level", "tk101", "tk101level", "\uff34\uff2b-101"]
)
def test_the_beginning_of_every_part_is_found(typed: str) -> None:
    words = words_of("TK-101.level")
    [token] = read_query(typed).tokens
    assert any(word.startswith(token) for word in words)


@pytest.mark.parametrize("typed", ["evel", "01", "k-101"])
def test_the_middle_of_a_part_is_not(typed: str) -> None:
    [token] = read_query(typed).tokens
    assert not any(word.startswith(token) for word in words_of("TK-101.level"))


def test_invisible_letters_make_no_difference() -> None:
    assert read_query("T\u200bK-\u202e101").tokens == ("tk-101",)


@pytest.mark.parametrize("typed", ["", "   ", "...", "-", "\x00\x1b", "\u200b"])
def test_nothing_is_typed(typed: str) -> None:
    assert read_query(typed).tokens == ()


def test_what_is_typed_is_bounded() -> None:
    query = read_query("x" * 10_000 + " y")
    assert len(query.text) == 300 and len(query.tokens[0]) == 128
    assert len(read_query(" ".join(map(str, range(100)))).tokens) == MAX_TOKENS


def test_a_labels_address_is_read_whatever_its_host() -> None:
    assert read_label("https://hmi.example.com/t/north/TK-101") == ("north", "TK-101")
    assert read_label(" http://elsewhere.example/t/north/TK-101/ ") == ("north", "TK-101")


@pytest.mark.parametrize(
    "typed",
    [
        "TK-101",
        "javascript:alert(1)",
        "https://hmi.example.com/t/north/../../admin/",
        "https://hmi.example.com/t/north/TK 101",
        "https://hmi.example.com/x/t/north/TK-101",
        "https://hmi.example.com/t/north/TK-101?next=//evil",
    ],
)
def test_what_is_no_label_is_searched(typed: str) -> None:
    assert read_label(typed) is None
