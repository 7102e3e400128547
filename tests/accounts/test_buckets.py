"""Buckets fill by the clock that is handed in, and there is never an endless number of them."""

from __future__ import annotations

from accounts import buckets as module
from accounts.buckets import Buckets


def test_a_bucket_empties_and_fills_again():
    now = [0.0]
    buckets = Buckets(per_minute=60, burst=3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert buckets.take("b") == 0
    now[0] = 1.0
    assert buckets.take("a") == 0
    assert buckets.take("a", cost=3) == 3
    now[0] = 100.0
    assert buckets.take("a", cost=99) == 0, "a cost above the burst takes the whole burst"


def test_the_longest_unused_buckets_go(monkeypatch):
    monkeypatch.setattr(module, "MAX_BUCKETS", 10)
    buckets = Buckets(per_minute=1, burst=1)
    for key in range(50):
        buckets.take(key)
    assert len(buckets._levels) == 10
