"""``GaugeMarks``: what a tank's gauge says of itself, put as a quality on every figure that comes from that gauge.

A level that somebody typed in looks like a measured one; only the tank's ``gauge_status`` tells. So the level and all
that is calculated from it carry the OPC UA quality of what they are (OPC 10000-8, 6.3.2): manual values are "good,
forced", simulated ones "uncertain: substitute". Values are never changed, and a quality never becomes better. What a
process server keeps in its own history is not marked: the gauge's state of then is not known here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from relay_bridge.agent.config_file import GaugeWord
from relay_bridge.agent.subscriptions import Watcher
from relay_bridge.agent.tags import GAUGE, TagConfig
from relay_bridge.contract.readings import (
    GOOD_LOCAL_OVERRIDE,
    UNCERTAIN_LAST_USABLE_VALUE,
    Reading,
    Value,
    quality_class,
)

UNCERTAIN_SENSOR_NOT_ACCURATE = 0x40930000
UNCERTAIN_SUBSTITUTE_VALUE = 0x40910000
_INFO_BITS = 0xFFFF  # limits and flags, which stay (OPC 10000-4, 7.39.1)
# Measured by the level gauge, or calculated from what it measured. Temperatures and pressures have gauges of their own.
MARKED: Final = frozenset(
    {
        "level", "ullage", "level_rate", "water_level", "tov", "fwv", "gov", "gsv", "nsv", "available_room",
        "pumpable", "mass", "flow",
    }
)  # fmt: skip
QUALITY: Final[dict[GaugeWord, int]] = {
    "manual": GOOD_LOCAL_OVERRIDE,
    "simulated": UNCERTAIN_SUBSTITUTE_VALUE,
    "fault": UNCERTAIN_SENSOR_NOT_ACCURATE,
    "stale": UNCERTAIN_LAST_USABLE_VALUE,
}
# What gauging systems usually write, in small letters and without blanks, dashes and underscores.
SYNONYMS: Final[dict[str, GaugeWord]] = {
    **dict.fromkeys(("ok", "good", "normal", "auto", "automatic", "measured", "measuring", "valid", "online"), "ok"),
    **dict.fromkeys(
        ("manual", "man", "manualvalue", "manuallyentered", "hand", "handdip", "dipped", "override", "forced"), "manual"
    ),
    **dict.fromkeys(("simulated", "simulation", "sim", "simulate", "substituted", "substitute", "test"), "simulated"),
    **dict.fromkeys(
        ("fault", "faulty", "failed", "failure", "fail", "error", "bad", "gaugefailure", "sensorfailure", "invalid"),
        "fault",
    ),
    **dict.fromkeys(
        (
            "stale",
            "old",
            "offline",
            "nocomm",
            "nocomms",
            "commfail",
            "commfailure",
            "timeout",
            "lastvalue",
            "notupdated",
        ),
        "stale",
    ),
}
logger = logging.getLogger(__name__)


class Values(Protocol):
    """The site's subscriptions, as far as they are needed here."""

    def watch(self, watcher: Watcher, tags: Iterable[TagConfig]) -> dict[str, int]: ...
    def current(self, tag: str) -> Reading | None: ...
    def put(self, tag: str, reading: Reading) -> None: ...


def gauge_word(value: Value, own: Mapping[str, GaugeWord] | None, enums: Mapping[str, str] | None) -> GaugeWord | None:
    """What a gauge status means: by the configured words, then by the usual ones; ``None`` when nobody knows.

    ``enums``: the source's own names of numbers.
    """
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool):
        text = text.lower()
    texts = [text.removesuffix(".0")]
    if enums is not None and texts[0] in enums:
        texts.append(enums[texts[0]])
    folded = {_folded(key): word for key, word in (own or {}).items()}
    for known in (own or {}, folded, SYNONYMS):
        for one in texts:
            word = known.get(one) or known.get(_folded(one))
            if word is not None:
                return word
    return None


def marked(reading: Reading, word: GaugeWord | None) -> Reading:
    """``reading`` as it may be believed while its gauge is so. Never better than it was."""
    code = QUALITY.get(word) if word is not None else None
    kind = quality_class(reading.quality)
    if code is None or kind == "bad" or (kind == "uncertain" and word != "simulated"):
        return reading
    return Reading(reading.value, reading.time, code | (reading.quality & _INFO_BITS))


class GaugeMarks:
    """Knows every tank's gauge status, keeps it watched, and marks readings on their way to whoever looks.

    ``enums_of``: the source's own names of a tag's numbers. As long as a status was never heard, nothing is marked;
    one that became bad holds as it was.
    """

    def __init__(
        self, tags: Sequence[TagConfig], values: Values, enums_of: Callable[[str], Mapping[str, str] | None]
    ) -> None:
        self._values = values
        self._enums_of = enums_of
        self._gauges = {tag.asset: tag for tag in tags if tag.canon == GAUGE}
        self._marked = {tag.id: tag.asset for tag in tags if tag.canon in MARKED and tag.asset in self._gauges}
        self._of_asset: dict[str, list[str]] = {}
        for name, asset in self._marked.items():
            self._of_asset.setdefault(asset, []).append(name)
        self._assets: dict[int, str] = {}  # by handle
        self._words: dict[str, GaugeWord | None] = {}
        self._plain: dict[str, Reading] = {}  # as the source told it
        self._not_understood: set[str] = set()

    @property
    def watched(self) -> Collection[str]:
        """Tags that are watched for as long as the agent runs."""
        return [gauge.id for gauge in self._marking()]

    def _marking(self) -> list[TagConfig]:
        return [gauge for asset, gauge in self._gauges.items() if asset in self._of_asset]

    def open(self) -> None:
        """Watch the gauges that have something to mark, for as long as the agent runs."""
        gauges = self._marking()
        handles = self._values.watch(self, gauges)
        self._assets = {handles[gauge.id]: gauge.asset for gauge in gauges}

    def mark(self, tag: str, reading: Reading) -> Reading:
        """Asked for every reading that arrives: cheap."""
        asset = self._marked.get(tag)
        if asset is None:
            return reading
        self._plain[tag] = reading
        return marked(reading, self._words.get(asset))

    def word(self, asset: str) -> GaugeWord | None:
        """How the gauge of an asset stands; ``None`` when that is not known."""
        return self._words.get(asset)

    # --- Watcher --------------------------------------------------------------------------------------------------

    def put(self, handle: int, reading: Reading) -> None:
        asset = self._assets.get(handle)
        if asset is None or reading.value is None or quality_class(reading.quality) == "bad":
            return
        gauge = self._gauges[asset]
        word = gauge_word(reading.value, gauge.gauge, self._enums_of(gauge.id))
        if word is None:
            self._tell_once(gauge)
        if word == self._words.get(asset):
            return
        self._words[asset] = word
        for name in self._of_asset[asset]:
            # What is not current is not made to look so.
            if name in self._plain and self._values.current(name) is not None:
                self._values.put(name, self._plain[name])

    def source_changed(self) -> None:
        """What a gauge said last holds until it says otherwise."""

    def _tell_once(self, gauge: TagConfig) -> None:
        if gauge.id not in self._not_understood:
            self._not_understood.add(gauge.id)
            logger.warning(
                "%s says something that is not understood, so its tank is not marked: give its words in gauge = {...}.",
                gauge.id,
            )


def _folded(text: str) -> str:
    return "".join(text.casefold().split()).replace("-", "").replace("_", "")
