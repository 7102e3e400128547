"""Which limit alarms a configuration means."""

from __future__ import annotations

import dataclasses

import pytest

from relay_bridge.agent.alarms.limit_rules import limit_rules
from relay_bridge.agent.config_file import Severities
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.messages import Limits

TAG = TagConfig(
    "TK-101.level", "main", "n", "TK-101", "Level", "number",
    limits=Limits(ll=1.0, l=2.0, h=13.0, hh=14.0), delay_s=3.0, severity=Severities(hh=950),
)  # fmt: skip


def test_every_limit_is_an_alarm_and_only_of_sources_that_make_none() -> None:
    rules = limit_rules([TAG, dataclasses.replace(TAG, id="x", source="other")], ["main"])
    assert [(rule.name, rule.limit, rule.severity, rule.delay) for rule in rules] == [
        ("TK-101.level:hh", 14.0, 950, 3.0), ("TK-101.level:h", 13.0, 700, 3.0),
        ("TK-101.level:l", 2.0, 700, 3.0), ("TK-101.level:ll", 1.0, 900, 3.0),
    ]  # fmt: skip
    assert rules[0].title == "TK-101 Level high-high"
    assert len({rule.ref for rule in rules}) == 4


def test_a_tag_without_limits_has_none() -> None:
    assert limit_rules([dataclasses.replace(TAG, limits=None)], ["main"]) == []


@pytest.mark.parametrize(
    ("facts", "hysteresis"),
    [({"hysteresis": 0.3}, 0.3), ({"hysteresis": 0.0}, 0.0), ({"span": (0.0, 16.0)}, 0.08), ({}, 0.065)],
)
def test_the_hysteresis_is_as_configured_or_a_share_of_what_the_tag_moves_in(facts: dict, hysteresis: float) -> None:
    rule = limit_rules([dataclasses.replace(TAG, **facts)], ["main"])[0]
    assert rule.hysteresis == pytest.approx(hysteresis)


def test_at_the_limit_is_beyond_it_and_back_is_back_by_the_hysteresis() -> None:
    high, low = limit_rules([dataclasses.replace(TAG, hysteresis=0.5)], ["main"])[1:3]
    assert [high.is_beyond(v) for v in (12.99, 13.0, 13.01)] == [False, True, True]
    assert [high.is_clear(v) for v in (12.51, 12.5, 12.4)] == [False, True, True]
    assert [low.is_beyond(v) for v in (2.01, 2.0)] == [False, True]
    assert [low.is_clear(v) for v in (2.49, 2.5)] == [False, True]
    bare = limit_rules([dataclasses.replace(TAG, hysteresis=0.0)], ["main"])[1]
    assert [bare.is_clear(v) for v in (13.0, 12.999)] == [False, True]
