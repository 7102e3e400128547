"""``Present``: what is watched at one source and what was last told of it; what is not fresh does not look so."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from relay_bridge.agent.drivers.base import Sink
from relay_bridge.agent.drivers.rest.units import Found, Unit
from relay_bridge.contract.readings import (
    BAD_NO_COMMUNICATION,
    BAD_NODE_ID_UNKNOWN,
    UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE,
    Reading,
    quality_class,
)


class Present:
    """``now``: epoch ms. ``sink``: whom to tell, None before the driver runs."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.sink: Sink | None = None
        self._now = now
        self._tags: dict[Unit, dict[str, None]] = {}
        self._preferred: dict[Unit, set[str]] = {}
        self._last: dict[str, Reading] = {}  # of watched tags

    @property
    def units(self) -> list[Unit]:
        """The requests that fetch something watched."""
        return list(self._tags)

    @property
    def preferred(self) -> list[Unit]:
        """Those of them that somebody looks at."""
        return list(self._preferred)

    def __contains__(self, unit: Unit) -> bool:
        return unit in self._tags

    def watch(self, unit: Unit, tag: str) -> bool:
        """From now on tell of ``tag``; False when it was watched already."""
        tags = self._tags.setdefault(unit, {})
        if tag in tags:
            return False
        tags[tag] = None
        return True

    def prefer(self, unit: Unit, tag: str, *, preferred: bool) -> bool:
        """Somebody looks at ``tag``, or nobody any more; True when its request is preferred from now on."""
        tags = self._preferred.setdefault(unit, set())
        was = bool(tags)
        if preferred:
            tags.add(tag)
        else:
            tags.discard(tag)
        if not tags:
            del self._preferred[unit]
        return preferred and not was

    def unwatch(self, unit: Unit, tag: str) -> bool:
        """Tell no more of ``tag``; True when with it the last of its request is gone."""
        self._last.pop(tag, None)
        self.prefer(unit, tag, preferred=False)
        tags = self._tags.get(unit)
        if tags is None:
            return False
        tags.pop(tag, None)
        if tags:
            return False
        del self._tags[unit]
        return True

    def tell(self, unit: Unit, found: Found) -> None:
        """What an answer says of the watched tags of its unit."""
        for tag in self._tags.get(unit, ()):
            self._put(tag, found.reading(tag))

    def tell_unknown(self, unit: Unit) -> None:
        """The source knows nothing of this unit."""
        for tag in self._tags.get(unit, ()):
            self._put(tag, Reading(None, self._now(), BAD_NODE_ID_UNKNOWN))

    def tell_no_such(self, tag: str) -> None:
        """There is no such tag here."""
        if self.sink is not None:
            self.sink.put(tag, Reading(None, self._now(), BAD_NODE_ID_UNKNOWN))

    def mark_stale(self, units: Iterable[Unit], *, waiting: bool = True) -> None:
        """What cannot be read any more must not look live: the last value, told as such, or none. Without ``waiting``
        a tag of which nothing was told yet goes on waiting."""
        for unit in units:
            for tag in self._tags.get(unit, ()):
                last = self._last.get(tag)
                if last is None:
                    if waiting:
                        self._put(tag, Reading(None, self._now(), BAD_NO_COMMUNICATION))
                elif (marked := _stale(last, self._now())) is not None:
                    self._put(tag, marked)

    def _put(self, tag: str, reading: Reading) -> None:
        self._last[tag] = reading
        if self.sink is not None:
            self.sink.put(tag, reading)


def _stale(last: Reading, now: int) -> Reading | None:
    """``last`` as it is told when nothing newer comes; ``None`` when it was told so already."""
    if last.value is None:
        return None if last.quality == BAD_NO_COMMUNICATION else Reading(None, now, BAD_NO_COMMUNICATION)
    if quality_class(last.quality) == "bad" or last.quality == UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE:
        return None
    return Reading(last.value, last.time, UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE)
