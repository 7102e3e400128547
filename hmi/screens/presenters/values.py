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

from django.utils.translation import gettext, gettext_lazy

from hmi.languages.qualities import class_text, reason_text
from hmi.languages.unit_choice import units_now
from hmi.screens.presenters.units import Shown, shown_in
from hmi.screens.presenters.words import CLOCK_TOLERANCE, DASH, age_text, moment_text, number_text
from hmi.sites.tag_names import tag_name
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading, quality_class

_CODE = 0xFFFF0000
GOOD_LOCAL_OVERRIDE = 0x00960000
UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE = 0x408F0000
UNCERTAIN_LAST_USABLE_VALUE = 0x40900000
UNCERTAIN_SUBSTITUTE_VALUE = 0x40910000
UNCERTAIN_INITIAL_VALUE = 0x40920000
UNCERTAIN_ENGINEERING_UNITS_EXCEEDED = 0x40940000
BAD_WAITING_FOR_INITIAL_DATA = 0x80320000
# OPC 10000-4, 7.39.1: with InfoType "data value" (bits 10-11 = 01) the bits 8-9 are the limit bits.
_INFO_TYPE, _INFO_DATA_VALUE, _LIMIT_BITS = 0x0C00, 0x0400, 0x0300
_LIMIT_WORDS = {
    0x0100: gettext_lazy("at low end"),
    0x0200: gettext_lazy("at high end"),
    0x0300: gettext_lazy("held constant"),
}
BOOL_WORDS = {"true": gettext_lazy("yes"), "false": gettext_lazy("no")}
RUN_WORDS = {"true": gettext_lazy("running"), "false": gettext_lazy("stopped")}


@dataclass(frozen=True)
class Scene:
    """When and under which conditions a page is drawn.

    ``now`` is epoch ms by the same clock as the samples' times. ``stale`` marks every value: the site is silent.
    ``sources`` are the states of the sources as far as they are known. ``units``: in which the person reads.
    """

    now: int
    zone: zoneinfo.ZoneInfo
    stale: bool = False
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    units: str = field(default_factory=units_now)

    def distrusts(self, source: str) -> bool:
        """Whether values of this source must be marked stale."""
        state = self.sources.get(source)
        return self.stale or (state is not None and state.code != 0)


@dataclass(frozen=True)
class ShownValue:
    """What the template prints for one tag. ``time`` is epoch ms and ``code`` the whole StatusCode, as text.

    Both are empty when there never was a sample. ``text``, ``unit``, ``decimals``, ``last`` are in the person's units,
    and ``factor``, ``offset`` and ``form`` tell the page's script how to get there; empty where the site's stay.
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
    look: str = ""  # "last-usable": struck lightly; "by-hand": not measured, a boxed word and a solid outline
    stale: bool = False
    last: str = ""  # the last value of a bad reading, shown on request
    last_age: str = ""
    moment: str = ""
    words: str = ""  # JSON of value -> word, for the page's script
    number: float | None = None  # in the site's unit, for geometry; None when there is none to draw
    factor: str = ""
    offset: str = ""
    form: str = ""

    @property
    def abnormal(self) -> bool:
        return self.stale or self.quality != "good"


def show_value(tag: CatalogTag, reading: Reading | None, scene: Scene) -> ShownValue:
    """The reading of ``tag`` at ``scene.now``; without a reading the tag is shown as never received, and stale."""
    words = value_words(tag)
    shown = shown_tag(tag, scene.units)
    common: dict[str, Any] = {
        "tag": tag.id,
        "name": tag_name(tag),
        "unit": shown.unit,
        "decimals": str(shown.decimals) if tag.kind == "number" else "",
        "kind": tag.kind,
        "source": tag.source,
        "words": json.dumps(words, ensure_ascii=False) if words else "",
        **shown.attributes,
    }
    if reading is None:
        note = gettext("not received yet")
        return ShownValue(**common, text=DASH, quality="bad", time="", code="", note=note, stale=True)
    quality = quality_class(reading.quality)
    code = reading.quality & _CODE
    age = (scene.now - reading.time) / 1000
    stale = scene.distrusts(tag.source)
    text = value_text(reading.value, tag, words, shown)
    hidden = quality == "bad" or code == UNCERTAIN_INITIAL_VALUE
    return ShownValue(
        **common,
        text=DASH if hidden else text,
        quality=quality,
        time=str(reading.time),
        code=str(reading.quality),
        note=note_text(reading.quality, age, stale=stale),
        mark="" if hidden else mark_text(reading.quality),
        look=look_of(reading.quality),
        stale=stale,
        last=text if hidden and text != DASH else "",
        last_age=age_text(age),
        moment=moment_text(reading.time, scene.zone, scene.now),
        number=None if hidden else _number(reading.value),
    )


def shown_tag(tag: CatalogTag, units: str) -> Shown:
    """How the numbers of ``tag`` are read in these units; what has words for its numbers is not converted."""
    return shown_in(units, tag.unit, tag.dec, tag.canon) if not tag.enums else Shown(tag.unit, tag.dec)


def value_text(value: object, tag: CatalogTag, words: Mapping[str, str], shown: Shown | None = None) -> str:
    """The value as text: a word for an enumeration, fixed decimals for a number, the text itself otherwise.

    ``shown``: in which unit; the site's own without it.
    """
    if value is None or value == "":
        return DASH
    key = str(value).lower() if isinstance(value, bool) else _key(value)
    if key in words:
        return words[key]
    number = _number(value)
    if number is None:
        return str(value)
    return number_text(number, tag.dec) if shown is None else shown.text(number)


def value_words(tag: CatalogTag) -> dict[str, str]:
    """The words of an enumeration or a yes/no tag; empty for plain numbers and texts."""
    if tag.enums:
        return dict(tag.enums)
    if tag.kind == "bool":
        return {key: str(word) for key, word in (RUN_WORDS if tag.canon == "run" else BOOL_WORDS).items()}
    return {}


def mark_text(code: int) -> str:
    """What stands beside the number: a question mark for doubt, a word for a value that nobody measured."""
    proper = code & _CODE
    if proper == GOOD_LOCAL_OVERRIDE:
        return gettext("forced")
    if proper == UNCERTAIN_SUBSTITUTE_VALUE:
        return gettext("substitute")
    return "?" if quality_class(code) == "uncertain" else ""


def look_of(code: int) -> str:
    """How the number is drawn beside what its quality class does already: an attribute that ``reading.css`` knows."""
    proper = code & _CODE
    if proper in {UNCERTAIN_LAST_USABLE_VALUE, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE}:
        return "last-usable"
    return "by-hand" if proper in {GOOD_LOCAL_OVERRIDE, UNCERTAIN_SUBSTITUTE_VALUE} else ""


def quality_note(code: int) -> str:
    """Quality in words: ``good``, ``good, forced``, ``uncertain: sensor not accurate``, ``bad: no comms``."""
    klass = class_text(code)
    words = [reason_text(code), str(_LIMIT_WORDS.get(code & _LIMIT_BITS, "")) if _has_limits(code) else ""]
    reasons = [word for word in words if word and word != klass]
    if not reasons:
        return klass
    return f"{klass}{', ' if quality_class(code) == 'good' else ': '}{', '.join(reasons)}"


def note_text(code: int, age: float, *, stale: bool) -> str:
    """The line beside a value. ``age`` in seconds; far in the future means that the source's clock is ahead."""
    quality = quality_note(code)
    if age < -CLOCK_TOLERANCE:
        told = gettext("source clock {age} ahead").format(age=age_text(-age))
        return f"{gettext('stale')} \u00b7 {told}" if stale else f"{quality} \u00b7 {told}"
    if stale:
        told = gettext("stale {age}").format(age=age_text(age))
        return told if quality == class_text(0) else f"{told} \u00b7 {quality}"
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
