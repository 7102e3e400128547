"""Kept buckets: only finished ones, in one run, bounded, and put together with what comes later without a seam."""

from __future__ import annotations

import math
import uuid
from array import array
from typing import Any

import pytest

from hmi.trends import kept as kept_module
from hmi.trends.kept import SETTLED, KeptBuckets, Key
from hmi.trends.strips import Strip, strip_of
from hmi.trends.windows import Window
from relay_bridge.contract.history import Buckets

WIDTH = 60_000
T0 = 29_922_833 * WIDTH
SITE = uuid.uuid4()


def strip(first: int, n: int, known_until: int | None = None, **more: Any) -> Strip:
    """Buckets whose average is their own number."""
    values = array("d", [float(first + place) for place in range(n)])
    start = T0 + first * WIDTH
    until = start + n * WIDTH + SETTLED if known_until is None else known_until
    facts: dict[str, Any] = {"source": "ring"} | more
    return Strip(start, WIDTH, values, values, values, "0" * n, known_until=until, **facts)


def key(tag: str = "TK-1.level") -> Key:
    return Key(SITE, tag, WIDTH)


def at(bucket: int) -> int:
    return T0 + bucket * WIDTH


def test_only_finished_buckets_are_kept() -> None:
    book = KeptBuckets()
    book.keep(key(), strip(0, 10, known_until=at(9) + 30_000))
    found = book.find(key(), at(0), at(10))
    assert found is not None and found.n == 8, "one minute for a historian that writes late"
    book.keep(key("other"), strip(0, 1, known_until=at(1)))
    assert book.find(key("other"), at(0), at(1)) is None


def test_a_run_goes_on_where_it_ends_and_is_read_from_any_bucket() -> None:
    book = KeptBuckets()
    book.keep(key(), strip(0, 10))
    book.keep(key(), strip(8, 7))
    found = book.find(key(), at(3), at(20))
    assert found is not None
    assert list(found.average) == [float(number) for number in range(3, 15)]
    assert book.find(key(), at(-1), at(5)) is None, "its beginning is not kept"
    assert book.find(key(), at(15), at(20)) is None
    assert book.find(Key(uuid.uuid4(), "TK-1.level", WIDTH), at(3), at(5)) is None, "another site's"
    assert book.total == 15


def test_another_source_or_a_hole_begins_a_new_run() -> None:
    book = KeptBuckets()
    book.keep(key(), strip(0, 10))
    book.keep(key(), strip(10, 5, source="raw"))
    assert book.find(key(), at(0), at(5)) is None
    book.keep(key(), strip(20, 5, source="raw"))
    assert book.find(key(), at(10), at(12)) is None
    assert book.total == 5


def test_what_is_old_is_given_only_where_the_site_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    book = KeptBuckets()
    book.keep(key(), strip(0, 10))
    monkeypatch.setattr(kept_module, "AGE", -1.0)
    assert book.find(key(), at(0), at(10)) is None
    assert book.find(key(), at(0), at(10), old=True) is not None
    book.keep(key(), strip(5, 10))
    found = book.find(key(), at(5), at(15), old=True)
    assert found is not None and book.find(key(), at(0), at(5), old=True) is None, "taken anew, not sewn on"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_module, "TOTAL", 100)
    monkeypatch.setattr(kept_module, "RUN", 30)
    book = KeptBuckets()
    for number in range(20):
        book.keep(key(f"tag-{number}"), strip(0, 50))
        assert book.total <= 100
    newest = book.find(key("tag-19"), at(20), at(50))
    assert newest is not None and newest.n == 30
    assert book.find(key("tag-0"), at(20), at(50)) is None


def test_padding_says_that_it_was_not_received() -> None:
    padded = strip(0, 3, known_until=at(3)).filled_to(at(6))
    assert padded.n == 6 and math.isnan(padded.average[4]) and padded.known_until == at(3)


WINDOW = Window(at(0), at(3), WIDTH)
ANSWER: dict[str, Any] = {"t0": at(0), "dt": WIDTH, "lo": [1.0] * 3, "hi": [2.0] * 3, "av": [1.5] * 3, "q": "000"}


@pytest.mark.parametrize(
    "wrong", [{"t0": at(1)}, {"dt": 1000}, {"lo": [1.0]}, {"q": "0000"}, {"q": "00x"}, {"av": [1.0] * 4}]
)
def test_an_answer_to_another_question_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not those that were asked for"):
        strip_of(Buckets(**(ANSWER | wrong), src="ring"), WINDOW, at(3))


def test_a_cut_answer_is_known_as_far_as_it_goes() -> None:
    answer = ANSWER | {"lo": [1.0, 1.0, None], "hi": [1.0, 1.0, None], "av": [1.0, 1.0, None], "q": "003"}
    assert strip_of(Buckets(**answer, src="raw", cut=True), WINDOW, at(3)).known_until == at(2)
    assert strip_of(Buckets(**answer, src="raw"), WINDOW, at(3)).known_until == at(3)
