"""``Consistency``: tells of tanks whose own figures contradict each other. It reports; no value is ever altered.

What a plant gets to see (``[site] consistency``): with "report" a line in the log and a finding in the status, with
"alarm" also a row in the alarm list, of low severity, labelled as the agent's and asking for no acknowledgement (it can
be shelved, until the agent's next start at the most), with "off" nothing. A contradiction must last 30 s before it is
told, and agreement as long before it is taken back.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.consistency_rules import RULES, Figure, Rule
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmEvent, AlarmRef
from relay_bridge.agent.subscriptions import Watcher
from relay_bridge.agent.tags import TagConfig
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import Reading, quality_class

HOLD: Final = 30.0  # seconds that a verdict must last
LOOK: Final = 2.0  # seconds between two looks
TOGETHER: Final = 10_000  # ms: samples that are further apart are not compared while the tank moves
STILL: Final = 30_000  # ms: an older sample is a value that did not change
SEVERITY: Final = 100
MOST_WATCHED: Final = 3000  # tags that are kept watched for this
ROWS: Final = 30.0  # seconds that units and decimals are taken as known: the catalog is dear to ask every time
logger = logging.getLogger(__name__)


class Values(Protocol):
    """The site's subscriptions, as far as they are needed here."""

    def watch(self, watcher: Watcher, tags: Iterable[TagConfig]) -> dict[str, int]: ...
    def current(self, tag: str) -> Reading | None: ...
    def is_down(self, source: str) -> bool: ...


@dataclass(frozen=True)
class Finding:
    """One contradiction that stands. ``since``: epoch ms. ``words`` is a clause without values."""

    asset: str
    rule: str
    words: str
    since: int


@dataclass
class _Check:
    """One rule at one tank. ``other_since``: since when (monotonic s) the verdict is another than the told one."""

    asset: str
    rule: Rule
    tags: dict[str, TagConfig]
    told: Finding | None = None
    event: bytes = b""  # new with every change but that of ``doubtful``
    doubtful: bool = False  # it stands, and cannot be judged now
    shown: str = ""
    other_since: float | None = field(default=None)
    shelved_until: int = 0  # epoch ms

    @property
    def main(self) -> TagConfig:
        return self.tags[self.rule.keys[0]]


class Consistency:
    """All checks of a site. ``row_of``: a tag's catalog row as it is now; ``table``: where alarms go, if anywhere."""

    able = frozenset({"shelve"})

    def __init__(
        self,
        tags: Sequence[TagConfig],
        values: Values,
        *,
        row_of: Callable[[str], CatalogTag | None],
        clock: Clock,
        table: AlarmTable | None = None,
    ) -> None:
        self._values = values
        self._row_of = row_of
        self._clock = clock
        self._table = table
        self._checks = _within_bound(list(_checks(tags)))
        self._rows: dict[str, CatalogTag | None] = {}
        self._rows_until = 0.0

    def __len__(self) -> int:
        return len(self._checks)

    def findings(self) -> list[Finding]:
        """What stands now, oldest first."""
        return sorted((check.told for check in self._checks if check.told is not None), key=lambda told: told.since)

    @property
    def watched(self) -> Collection[str]:
        """Tags that are watched for as long as the agent runs."""
        return {tag.id for check in self._checks for tag in check.tags.values()}

    def open(self) -> None:
        """Watch the tags of every check, for as long as the agent runs."""
        self._values.watch(self, {tag.id: tag for check in self._checks for tag in check.tags.values()}.values())

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        if not self._checks:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def look(self) -> None:
        """Judge every tank by its current values. What cannot be judged leaves things as they are."""
        now = self._clock.monotonic()
        if now >= self._rows_until:
            self._rows, self._rows_until = {}, now + ROWS
        for check in self._checks:
            self._end_shelving(check)
            figures = self._figures(check)
            if check.told is not None and check.doubtful != (figures is None):
                check.doubtful = figures is None
                self._show(check, anew=False)
            if figures is None:
                check.other_since = None
                continue
            if self._apart(check):
                continue  # looked at again when the slow ones have come; until then nothing speaks for either side
            check.shown = check.rule.shown(figures)
            holds = check.rule.holds(figures)
            if holds == (check.told is None):
                check.other_since = None
            elif check.other_since is None:
                check.other_since = now
            elif now - check.other_since >= HOLD:
                check.other_since = None
                self._tell(check, holds=holds)

    # --- Watcher: values are looked at in good time, not as they come ------------------------------------------

    def put(self, handle: int, reading: Reading) -> None:
        """The subscriptions keep it."""

    def source_changed(self) -> None:
        """Looked at with the next look."""

    # --- what people do -------------------------------------------------------------------------------------------

    def owns(self, ref: AlarmRef) -> bool:
        return any(self._ref(check) == ref for check in self._checks)

    async def acknowledge(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        raise RequestRefused("unsupported", "This needs no acknowledgement: it goes when the figures agree.")

    async def confirm(self, ref: AlarmRef, event: bytes, comment: str, deadline: float) -> None:
        raise RequestRefused("unsupported", "This needs no confirming: it goes when the figures agree.")

    async def shelve(self, ref: AlarmRef, milliseconds: int, comment: str, deadline: float) -> None:
        """Out of the way for that long, or back with 0; ``AckRefused`` when it stands no more."""
        check = next((check for check in self._checks if self._ref(check) == ref), None)
        if check is None or check.told is None:
            raise AckRefused("gone", "The figures agree again.")
        check.shelved_until = self._clock.wall_ms() + milliseconds if milliseconds else 0
        self._show(check)

    def _end_shelving(self, check: _Check) -> None:
        if 0 < check.shelved_until <= self._clock.wall_ms():
            check.shelved_until = 0
            self._show(check)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _figures(self, check: _Check) -> dict[str, Figure] | None:
        """The figures of a check; None unless all are good, current and comparable."""
        figures: dict[str, Figure] = {}
        for key, tag in check.tags.items():
            reading = None if self._values.is_down(tag.source) else self._values.current(tag.id)
            if reading is None or quality_class(reading.quality) != "good":
                return None
            value = reading.value
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                return None
            row = self._row(tag.id)
            if row is None:
                return None
            figures[key] = Figure(float(value), row.unit, 10.0**-row.dec)
        return figures if check.rule.comparable(figures) else None

    def _apart(self, check: _Check) -> bool:
        """Whether the tank moves and its samples were not taken together: a source that asks for some of them seldom
        would contradict itself."""
        readings = (self._values.current(tag.id) for tag in check.tags.values())
        times = [reading.time for reading in readings if reading is not None]
        newest = max(times, default=0)
        if self._clock.wall_ms() - newest >= STILL:
            return False
        return newest - min(time for time in times if newest - time < STILL) > TOGETHER

    def _row(self, tag: str) -> CatalogTag | None:
        if tag not in self._rows:
            self._rows[tag] = self._row_of(tag)
        return self._rows[tag]

    def _tell(self, check: _Check, *, holds: bool) -> None:
        now = self._clock.wall_ms()
        if holds:
            logger.info("%s: its figures agree again (%s).", check.asset, check.rule.name)
            check.told = None
        else:
            logger.warning("%s: its figures contradict each other: %s.", check.asset, check.rule.words)
            check.told = Finding(check.asset, check.rule.name, check.rule.words, now)
            check.doubtful = False
            check.shelved_until = 0  # another contradiction than the one that was put out of the way
        self._show(check)

    def _show(self, check: _Check, *, anew: bool = True) -> None:
        if anew:
            check.event = secrets.token_bytes(9)
        if self._table is not None:
            self._table.put(self._event(check), agent=True)

    @staticmethod
    def _ref(check: _Check) -> AlarmRef:
        return AlarmRef(check.main.source, f"consistency:{check.asset}:{check.rule.name}")

    def _event(self, check: _Check) -> AlarmEvent:
        """Active or gone; nobody has to acknowledge what only asks to be looked at."""
        now = self._clock.wall_ms()
        return AlarmEvent(
            ref=self._ref(check),
            event=check.event,
            time=now,
            severity=SEVERITY,
            active=check.told is not None,
            acknowledged=True,
            retain=check.told is not None,
            name=f"{check.asset} figures contradict each other",
            condition_type="consistency",
            node=check.main.node,
            message=f"{check.rule.words}: {check.shown}",
            shelved_until=check.shelved_until,
            since=now if check.told is None else check.told.since,
            tag=check.main.id,
            quality="bad" if check.told is not None and check.doubtful else "good",
        )


def _checks(tags: Sequence[TagConfig]) -> Iterator[_Check]:
    by_asset: dict[str, dict[str, TagConfig]] = {}
    for tag in tags:
        if tag.canon and tag.kind == "number":
            by_asset.setdefault(tag.asset, {}).setdefault(tag.canon, tag)
    for asset, found in by_asset.items():
        named: set[str] = set()
        for rule in RULES:
            if rule.name not in named and all(key in found for key in rule.needs):
                named.add(rule.name)
                yield _Check(asset, rule, {key: found[key] for key in rule.needs})


def _within_bound(checks: list[_Check]) -> list[_Check]:
    """As many as ``MOST_WATCHED`` tags allow; the rest is said, not silently left out."""
    watched: set[str] = set()
    kept: list[_Check] = []
    for check in checks:
        names = {tag.id for tag in check.tags.values()}
        if len(watched | names) > MOST_WATCHED:
            logger.warning(
                "consistency: the checks would watch more than %d tags; %d of %d checks are left out.",
                MOST_WATCHED,
                len(checks) - len(kept),
                len(checks),
            )
            break
        watched |= names
        kept.append(check)
    return kept
