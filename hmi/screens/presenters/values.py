"""One shown value: number or word, unit, quality in words, age, and whether it may be taken for the present.

The rules are those of OPC UA quality on an operator's screen: bad shows a dash and the word, the last value only on
request; uncertain shows the number with a question mark; stale is said apart from quality, because it is our doubt
and not the source's.
"""

from __future__ import annotations

import json
import math
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hmi.screens.presenters.words import CLOCK_TOLERANCE, DASH, age_text, moment_text, number_text
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading, quality_class, quality_words

_CODE = 0xFFFF0000
UNCERTAIN_LAST_USABLE_VALUE = 0x40900000
UNCERTAIN_INITIAL_VALUE = 0x40920000
BAD_WAITING_FOR_INITIAL_DATA = 0x80320000
# OPC 10000-4, 7.39.1: with InfoType "data value" (bits 10-11 = 01) the bits 8-9 are the limit bits.
_INFO_TYPE, _INFO_DATA_VALUE, _LIMIT_BITS = 0x0C00, 0x0400, 0x0300
_LIMIT_WORDS = {0x0100: "at low end", 0x0200: "at high end", 0x0300: "constant"}
BOOL_WORDS = {"true": "yes", "false": "no"}
RUN_WORDS = {"true": "running", "false": "stopped"}


@dataclass(frozen=True)
class Scene:
    """When and under which conditions a page is drawn.

    ``now`` is epoch ms by the same clock as the samples' times. ``stale`` marks every value: the site is silent.
    ``sources`` are the states of the sources as far as they are known.
    """

    now: int
    zone: zoneinfo.ZoneInfo
    stale: bool = False
    sources: Mapping[str, SourceState] = field(default_factory=dict)

    def distrusts(self, source: str) -> bool:
        """Whether values of this source must be marked stale."""
        state = self.sources.get(source)
        return self.stale or (state is not None and state.code != 0)


@dataclass(frozen=True)
class ShownValue:
    """What the template prints for one tag. ``time`` is epoch ms and ``code`` the whole StatusCode, as text.

    Both are empty when there never was a sample.
    """

    tag: str
    name: str
    text: str
    unit: str
    decimals: str
    kind: str
    source: str
    quality: str
    time: str
    code: str
    note: str
    mark: str = ""
    look: str = ""  # "last-usable": struck lightly
    stale: bool = False
    last: str = ""  # the last value of a bad reading, shown on request
    last_age: str = ""
    moment: str = ""
    words: str = ""  # JSON of value -> word, for the page's script
    number: float | None = None  # for geometry; None when there is none to draw

    @property
    def abnormal(self) -> bool:
        return self.stale or self.quality != "good"


def show_value(tag: CatalogTag, reading: Reading | None, scene: Scene) -> ShownValue:
    """The reading of ``tag`` at ``scene.now``; without a reading the tag is shown as never received, and stale."""
    words = value_words(tag)
    common: dict[str, Any] = {
        "tag": tag.id,
        "name": tag.name or tag.id,
        "unit": tag.unit,
        "decimals": str(tag.dec) if tag.kind == "number" else "",
        "kind": tag.kind,
        "source": tag.source,
        "words": json.dumps(words, ensure_ascii=False) if words else "",
    }
    if reading is None:
        return ShownValue(**common, text=DASH, quality="bad", time="", code="", note="not received yet", stale=True)
    quality = quality_class(reading.quality)
    code = reading.quality & _CODE
    age = (scene.now - reading.time) / 1000
    stale = scene.distrusts(tag.source)
    text = value_text(reading.value, tag, words)
    hidden = quality == "bad" or code == UNCERTAIN_INITIAL_VALUE
    return ShownValue(
        **common,
        text=DASH if hidden else text,
        quality=quality,
        time=str(reading.time),
        code=str(reading.quality),
        note=note_text(reading.quality, age, stale=stale),
        mark="?" if quality == "uncertain" and not hidden else "",
        look="last-usable" if code == UNCERTAIN_LAST_USABLE_VALUE else "",
        stale=stale,
        last=text if hidden and text != DASH else "",
        last_age=age_text(age),
        moment=moment_text(reading.time, scene.zone, scene.now),
        number=None if hidden else _number(reading.value),
    )


def value_text(value: object, tag: CatalogTag, words: Mapping[str, str]) -> str:
    """The value as text: a word for an enumeration, fixed decimals for a number, the text itself otherwise."""
    if value is None:
        return DASH
    key = str(value).lower() if isinstance(value, bool) else _key(value)
    if key in words:
        return words[key]
    number = _number(value)
    return str(value) if number is None else number_text(number, tag.dec)


def value_words(tag: CatalogTag) -> dict[str, str]:
    """The words of an enumeration or a yes/no tag; empty for plain numbers and texts."""
    if tag.enums:
        return dict(tag.enums)
    if tag.kind == "bool":
        return RUN_WORDS if tag.canon == "run" else BOOL_WORDS
    return {}


def quality_note(code: int) -> str:
    """Quality in words: ``good``, ``good, forced``, ``uncertain: sensor not accurate``, ``bad: no comms``."""
    klass = quality_class(code)
    words = [quality_words(code), _LIMIT_WORDS.get(code & _LIMIT_BITS, "") if _has_limits(code) else ""]
    reasons = [word for word in words if word and word != klass]
    if not reasons:
        return klass
    return f"{klass}{', ' if klass == 'good' else ': '}{', '.join(reasons)}"


def note_text(code: int, age: float, *, stale: bool) -> str:
    """The line beside a value. ``age`` in seconds; far in the future means that the source's clock is ahead."""
    quality = quality_note(code)
    if age < -CLOCK_TOLERANCE:
        told = f"source clock {age_text(-age)} ahead"
        return f"stale \u00b7 {told}" if stale else f"{quality} \u00b7 {told}"
    if stale:
        return f"stale {age_text(age)}" + ("" if quality == "good" else f" \u00b7 {quality}")
    return f"{quality} \u00b7 {age_text(age)}"


def _has_limits(code: int) -> bool:
    return code & _INFO_TYPE == _INFO_DATA_VALUE


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _key(value: object) -> str:
    """The key of an enumeration: whole numbers without a decimal point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
