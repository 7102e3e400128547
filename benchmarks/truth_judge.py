"""Every look at every page against what the plant said: equal for that moment, marked, or wrong.

A value that is not marked must be, by text, time and quality, a reading that the plant gave, and no other reading may
have taken its place more than ``BOUND`` ago; the plant must have lived within the bound, and no hop been dead longer.
An alarm row that is not marked must be, by occurrence, state, priority and message, how the alarm stood within the
bound; what stood all the while must be on the list.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.truth_faults import Happened
from benchmarks.truth_record import Record, Said, Standing
from benchmarks.truth_sampler import Look
from relay_bridge.contract.alarms import band_of
from relay_bridge.contract.readings import quality_class

BOUND = 5000  # ms for which something that is no longer so may be on a page without a mark (docs/live.md, honesty)
EARLY = 2500  # ms by which the recorder may hear of something later than a page
DASH = "\u2014"
MOST_EVIDENCE = 100
MOST_ROWS = 100  # of the alarm list
STATES = {
    (True, True): "Active, acknowledged", (True, False): "Active, not acknowledged",
    (False, True): "Cleared, acknowledged", (False, False): "Cleared, not acknowledged",
}  # fmt: skip


@dataclass
class Verdict:
    """``late``: ms that a value stood on a page, unmarked, after another had taken its place at the plant."""

    looks: int = 0
    values: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    evidence: list[str] = field(default_factory=list)
    late: list[int] = field(default_factory=list)

    def blame(self, why: str, what: str) -> None:
        self.wrong[why] += 1
        if len(self.evidence) < MOST_EVIDENCE:
            self.evidence.append(f"{why}: {what}")


@dataclass(frozen=True)
class Tag:
    """Where a tag's value comes from. ``gauge`` is the node of the gauge that it is judged by, or empty."""

    node: str
    gauge: str = ""


@dataclass
class _Shown:
    """What was found out about one shown value: ``why`` it cannot be right, or until when it was."""

    why: str = ""
    calculated: bool = False
    said: Said | None = None
    until: int = 0  # epoch ms at which another reading took its place
    last: int = 0  # epoch ms of the last look that saw it unmarked


class Judge:
    """``calculated(node, epoch ms)``: the value by calculation, for seconds that the recorder missed."""

    def __init__(
        self,
        record: Record,
        tags: dict[str, Tag],
        happened: Sequence[Happened],
        calculated: Callable[[str, int], Any] | None = None,
    ) -> None:
        self._record, self._tags, self._happened, self._calculated = record, tags, happened, calculated
        self._shown: dict[tuple[Any, ...], _Shown] = {}
        self._all = sorted((each for group in record.standings.values() for each in group), key=lambda s: s.start)
        self.verdict = Verdict()

    def run(self, looks: Sequence[Look]) -> Verdict:
        for look in looks:
            self.verdict.looks += 1
            for facts in look.values:
                self._value(look, facts)
            if look.list_state != 2:
                self._list(look)
        self.verdict.late = [
            max(0, each.last - each.until) for each in self._shown.values() if each.until and each.last
        ]
        return self.verdict

    # --- values ---------------------------------------------------------------------------------------------------

    def _value(self, look: Look, facts: tuple[Any, ...]) -> None:
        _, tag, text, time, quality, _dec, _words, stale = facts
        count = self.verdict.values
        if stale:
            count["marked"] += 1
            return
        if time == "":
            count["nothing shown"] += 1
            if text != DASH:
                self._blame(look, "a value without a time", facts)
            return
        shown = self._shown.get(facts)
        if shown is None:
            shown = self._shown[facts] = self._look_up(facts)
        if shown.said is None and text == DASH and quality == "bad":
            count["nothing shown"] += 1  # the agent's own word that it knows nothing yet
            return
        why = shown.why or self._too_old(look.at, shown)
        if not why and quality not in self._qualities(look.at, tag, shown):
            why = "another quality"
        if why:
            self._blame(look, why, facts)
            return
        shown.last = max(shown.last, look.at)
        count["calculated" if shown.calculated else "equal"] += 1

    def _look_up(self, facts: tuple[Any, ...]) -> _Shown:
        _, tag, text, time, _quality, dec, words, _stale = facts
        place = self._tags.get(tag)
        if place is None:
            return _Shown("a tag that the plant does not have")
        said = self._record.values[place.node]
        index = self._record.find(place.node, int(time))
        if index is not None:
            found = _Shown(said=said[index])
        else:
            value = self._calculated(place.node, int(time)) if self._calculated else None
            if value is None:
                return _Shown("a reading that the plant never gave")
            found = _Shown(calculated=True, said=Said(int(time), int(time), value, 0))
            index = next((i for i, each in enumerate(said) if each.at > int(time)), len(said)) - 1
        assert found.said is not None
        if not _same(text, found.said, dec, words):
            found.why = "another value"
            return found
        for later in said[index + 1 :]:
            if not _same(text, later, dec, words) or quality_class(later.status) != quality_class(found.said.status):
                found.until = later.at
                break
        return found

    def _too_old(self, at: int, shown: _Shown) -> str:
        if shown.until and shown.until < at - BOUND:
            return "a reading whose place another had taken"
        if not self._record.lived(at - BOUND, at + EARLY):
            return "unmarked although the plant was silent"
        return self._dead(at)

    def _dead(self, at: int) -> str:
        for each in self._happened:
            if each.dead and each.begun + BOUND < at < each.ended:
                return f"unmarked although {each.name}"
        return ""

    def _qualities(self, at: int, tag: str, shown: _Shown) -> set[str]:
        assert shown.said is not None
        own = quality_class(shown.said.status)
        gauge = self._tags[tag].gauge
        if own != "good" or not gauge:
            return {own}
        words = _in_force(self._record.values[gauge], at - BOUND, at + EARLY)
        faulty = {word == "fault" for word in words}
        return {"good"} if faulty <= {False} else {"uncertain"} if faulty == {True} else {"good", "uncertain"}

    # --- alarms ---------------------------------------------------------------------------------------------------

    def _list(self, look: Look) -> None:
        count = self.verdict.rows
        fresh: set[str] = set()
        doubted = look.list_state != 0
        for facts in look.alarms:
            _, _id, event, _band, _state, _message, stale = facts
            if stale:
                doubted = True
                count["marked"] += 1
                continue
            fresh.add(event)
            why = self._row(look.at, facts)
            if why == "unproven":
                count["unproven"] += 1
            elif why:
                self._blame(look, why, facts)
            else:
                count["equal"] += 1
        start, end = look.at - BOUND, look.at + 1000
        if doubted or len(look.alarms) >= MOST_ROWS or not self._record.knew_all(start, end):
            return
        for standing in self._all:
            if standing.start < start and standing.end > end and standing.event not in fresh:
                self._blame(look, "an alarm that stands is not on the list", (standing,))

    def _row(self, at: int, facts: tuple[Any, ...]) -> str:
        _, _id, event, band, state, message, _ = facts
        standings = self._record.standings.get(event)
        if not standings:
            near = self._record.knew_all(at - BOUND, at + EARLY)
            return "an alarm that the plant never told of" if near else "unproven"
        if not any(_is_so(standing, band, state, message) for standing in standings):
            return "an alarm in another state"
        if not any(each.start <= at + EARLY and each.end >= at - BOUND for each in standings):
            return "an alarm that has changed since"
        return self._dead(at)

    def _blame(self, look: Look, why: str, facts: tuple[Any, ...]) -> None:
        meanwhile = [
            f"{each.name} {(look.at - each.begun) / 1000:+.1f} s"
            for each in self._happened
            if each.begun - 1000 <= look.at <= each.ended + 15_000
        ]
        self.verdict.blame(
            why, f"{_clock(look.at)} {look.page} {json.dumps(facts, default=str, ensure_ascii=False)} "
            f"{self._plant_then(look.at, facts)} [{', '.join(meanwhile)}]"
        )  # fmt: skip

    def _plant_then(self, at: int, facts: tuple[Any, ...]) -> str:
        place = self._tags.get(facts[1]) if len(facts) > 1 and facts[0] == "v" else None
        if place is None:
            return ""
        before = [said for said in self._record.values[place.node] if said.at <= at][-3:]
        return "plant: " + "; ".join(f"{_clock(s.at)} {s.time} {s.value} {s.status:#x}" for s in before)


def _is_so(standing: Standing, band: str, state: str, message: str) -> bool:
    told = STATES[standing.active, standing.acknowledged]
    same = message.replace("\xa0", " ") == standing.message  # a screen keeps a number and its unit on one line
    return state.startswith(told) and band == band_of(standing.severity) and same


def _same(text: str, said: Said, dec: str, words: str) -> bool:
    """Whether ``text`` is what a screen shows of a reading."""
    value = said.value
    if quality_class(said.status) == "bad" or value is None or value == "":
        return text == DASH
    key = str(value).lower() if isinstance(value, bool) else str(value)
    if words and key in (known := json.loads(words)):
        return bool(text == known[key])
    if isinstance(value, int | float) and not isinstance(value, bool):
        decimals = int(dec or 0)
        try:
            shown = float(text)
        except ValueError:
            return False
        return len(text.partition(".")[2]) == decimals and abs(shown - value) <= 0.5 * 10**-decimals + 1e-9
    return text == " ".join(key.split())


def _in_force(said: Sequence[Said], start: int, end: int) -> set[Any]:
    """The values that held at some time between the two."""
    held = {each.value for each in said if start <= each.at <= end}
    before = [each.value for each in said if each.at < start]
    return held | set(before[-1:])


def _clock(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%H:%M:%S.%f}"[:-3]
