"""How many examples a property test runs: few in the everyday suite, as many as asked for in a long run.

    SIGHTLINE_FUZZ=200000 pytest tests/relay_bridge -k fuzz      the whole budget, spread over all fuzz tests

A test names its everyday number and its share of such a budget; the shares of all fuzz tests sum to about 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

Test = TypeVar("Test", bound=Callable[..., Any])

LONG_RUN: Final = 1_800  # seconds for one test of a long run, instead of the everyday time limit
BUDGET: Final = "SIGHTLINE_FUZZ"  # environment variable: examples wanted in total; unset or 0 for the everyday numbers


def examples(default: int, share: float) -> int:
    """The number of examples of one test: ``share`` (0 to 1) of the budget, and never fewer than ``default``."""
    if not 0 < share <= 1:
        raise ValueError("share is a part of the whole: above 0, at most 1")
    text = os.environ.get(BUDGET, "0").replace("_", "")
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{BUDGET} is a number of examples, for instance 200000")
    return max(default, round(int(text) * share))


def fuzz(default: int, share: float) -> Callable[[Test], Test]:
    """The decorator ``@fuzz(40, share=0.05)``, above ``@given``: so many examples, and the time that they need.

    No deadline for a single example: the machine is shared. A long run gets ``LONG_RUN`` seconds for each test.
    """
    chosen = settings(
        max_examples=examples(default, share),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

    def decorate(test: Test) -> Test:
        marked = chosen(test)
        return pytest.mark.timeout(LONG_RUN)(marked) if os.environ.get(BUDGET) else marked

    return decorate
