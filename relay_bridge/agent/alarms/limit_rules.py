"""The limit alarms of a site by its configuration: one for every limit of a tag whose source makes no alarms itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from relay_bridge.agent.drivers.abilities import AlarmRef
from relay_bridge.agent.tags import TagConfig

LimitKey = Literal["hh", "h", "l", "ll"]
KINDS: Final[dict[LimitKey, str]] = {"hh": "HighHigh", "h": "High", "l": "Low", "ll": "LowLow"}
WORDS: Final[dict[LimitKey, str]] = {"hh": "high-high", "h": "high", "l": "low", "ll": "low-low"}
# Without a configured hysteresis: this share of the tag's range, or of the way between its outermost limits. None at
# all would let an alarm come and go with every wave in a tank.
USUAL_HYSTERESIS = 0.005


@dataclass(frozen=True)
class LimitRule:
    """One limit of one tag. ``limit`` and ``hysteresis`` in the tag's unit, ``delay`` in seconds."""

    tag: TagConfig
    key: LimitKey
    limit: float
    hysteresis: float
    delay: float
    severity: int

    @property
    def name(self) -> str:
        """Under which its state is kept; the same over restarts."""
        return f"{self.tag.id}:{self.key}"

    @property
    def ref(self) -> AlarmRef:
        return AlarmRef(self.tag.source, f"limit:{self.name}")

    @property
    def title(self) -> str:
        """What the alarm is called: "TK-101 Level high-high"."""
        return f"{self.tag.asset} {self.tag.name} {WORDS[self.key]}"

    def is_beyond(self, value: float) -> bool:
        """At the limit or past it."""
        return value >= self.limit if self.key in {"hh", "h"} else value <= self.limit

    def is_clear(self, value: float) -> bool:
        """Back by the hysteresis."""
        back = self.limit - value if self.key in {"hh", "h"} else value - self.limit
        return back > 0 and back >= self.hysteresis


def limit_rules(tags: Iterable[TagConfig], sources: Iterable[str]) -> list[LimitRule]:
    """A rule for every limit of ``tags`` at ``sources``, those whose alarms this agent makes."""
    chosen = set(sources)
    return [rule for tag in tags if tag.source in chosen and tag.limits is not None for rule in _rules(tag)]


def _rules(tag: TagConfig) -> Iterable[LimitRule]:
    limits = tag.limits
    if limits is None:
        return
    given: dict[LimitKey, float | None] = {"hh": limits.hh, "h": limits.h, "l": limits.l, "ll": limits.ll}
    values = [value for value in given.values() if value is not None]
    if tag.hysteresis is not None:
        hysteresis = tag.hysteresis
    elif tag.span is not None:
        hysteresis = (tag.span[1] - tag.span[0]) * USUAL_HYSTERESIS
    else:
        hysteresis = (max(values) - min(values)) * USUAL_HYSTERESIS
    severities: dict[LimitKey, int] = {
        "hh": tag.severity.hh, "h": tag.severity.h, "l": tag.severity.l, "ll": tag.severity.ll,
    }  # fmt: skip
    for key, value in given.items():
        if value is not None:
            yield LimitRule(tag, key, value, hysteresis, tag.delay_s, severities[key])
