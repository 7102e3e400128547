"""SR 2.9, RE 1: a warning at 75 % and an alarm at 90 % of the bound, whichever of bound and volume is nearer."""

from __future__ import annotations

import pytest

from relay_bridge.contract.storage import MEGABYTE, Storage

BOUND = 400 * MEGABYTE
PLENTY = 10_000 * MEGABYTE


@pytest.mark.parametrize(
    ("used", "level"),
    [(0, "ok"), (0.74, "ok"), (0.75, "warn"), (0.89, "warn"), (0.9, "alarm"), (1, "alarm"), (2, "alarm")],
)
def test_trail_fills_its_bound(used: float, level: str) -> None:
    assert Storage(int(used * BOUND), PLENTY, BOUND).level == level


@pytest.mark.parametrize(("free", "level"), [(1, "ok"), (0.26, "ok"), (0.25, "warn"), (0.1, "alarm"), (0, "alarm")])
def test_something_else_fills_the_volume(free: float, level: str) -> None:
    """The trail itself is small: what it may still take is not there."""
    found = Storage(MEGABYTE, int(free * BOUND), BOUND)
    assert found.level == level
    if free < 0.9:
        assert "the volume has only" in found.words


def test_share_stays_between_none_and_all() -> None:
    assert Storage(0, PLENTY, BOUND).share == 0
    assert Storage(5 * BOUND, 0, BOUND).share == 1


def test_words_say_how_full() -> None:
    assert Storage(304 * MEGABYTE, PLENTY, BOUND).words == "Storage of the audit trail: 76% of 400 MB are used."
