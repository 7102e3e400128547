"""Full jitter: bounds, growth, cap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.protocol.backoff import full_jitter


def test_the_ceiling_doubles_until_the_cap():
    ceilings = [full_jitter(attempt, 0.5, 5.0, lambda: 1.0) for attempt in range(6)]
    assert ceilings == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


@given(attempt=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_the_wait_is_between_nothing_and_the_cap(attempt, chance):
    assert 0 <= full_jitter(attempt, 0.5, 5.0, lambda: chance) <= 5.0


@pytest.mark.parametrize(("attempt", "base", "cap"), [(-1, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_nonsense_is_refused(attempt, base, cap):
    with pytest.raises(ValueError, match="seconds"):
        full_jitter(attempt, base, cap, lambda: 0.5)
