"""The catalog: what a screen must know of every tag, from the configuration and from what the sources say.

Order of belief: the configuration, then the source, then what is usual for the canonical key. What is usual for
a key holds only under its usual unit: a range in metres says nothing of a level in millimetres.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from relay_bridge.agent.drivers.base import Describing, Digits, Driver
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.tags import AssetConfig, TagConfig
from relay_bridge.agent.units import spelled
from relay_bridge.agent.vocabulary import CANON, DEFAULT_DECIMALS, UNIT_DECIMALS
from relay_bridge.contract.acting import CatalogCommand, Writable
from relay_bridge.contract.messages import MAX_MESSAGE, CatalogAnswer, CatalogAsset, CatalogQuery, CatalogTag

PAGE_BUDGET = MAX_MESSAGE - 4096  # bytes of rows in a page; the rest is for the answer around them
REBUILD_INTERVAL = 2.0  # seconds: sources learn units slowly, and a catalog costs a few ms to build
_encoder = msgspec.json.Encoder()


def describe_tags(tags: Iterable[TagConfig], drivers: Mapping[str, Driver]) -> list[CatalogTag]:
    """The rows of ``tags`` as far as they are known by now.

    Until a source has said anything of its tags, nothing is assumed of them: for a moment no unit is better than
    the usual one that turns out to be another.
    """
    described: dict[str, CatalogTag] = {}
    silent: set[str] = set()
    digits: dict[str, int] = {}
    for source, driver in drivers.items():
        rows = driver.describe()
        described.update(rows)
        if not rows and not isinstance(driver, MemoryDriver):
            silent.add(source)
        if isinstance(driver, Digits):
            digits.update(driver.digits())
    return [
        merge_tag(tag, described.get(tag.id), assume=tag.source not in silent, digits=digits.get(tag.id))
        for tag in tags
    ]


def merge_tag(
    tag: TagConfig, described: CatalogTag | None, *, assume: bool = True, digits: int | None = None
) -> CatalogTag:
    """One catalog row: configuration over source over, with ``assume``, what is usual. ``digits``: as the source
    writes this tag's numbers, which custody figures keep."""
    canon = CANON.get(tag.canon) if assume else None
    said = spelled(described.unit) if described else ""
    unit = tag.unit if tag.unit is not None else said
    if not unit and tag.unit is None and canon is not None:
        unit = canon.unit
    usual = canon if canon is not None and canon.unit == unit else None
    low, high = tag.span or (None, None)
    if tag.span is None and described is not None and unit == said:
        low, high = described.lo, described.hi
    if low is None and high is None and usual is not None and usual.span is not None:
        low, high = usual.span
    return CatalogTag(
        id=tag.id,
        name=tag.name,
        asset=tag.asset,
        source=tag.source,
        kind=tag.kind,
        unit=unit,
        dec=_decimals(tag, usual.decimals if usual else None, unit, described, digits),
        lo=low,
        hi=high,
        canon=tag.canon,
        lim=tag.limits,
        enums=_enums(tag, described),
    )


def _decimals(tag: TagConfig, usual: int | None, unit: str, described: CatalogTag | None, digits: int | None) -> int:
    if tag.decimals is not None:
        return tag.decimals
    if digits is not None:
        return digits
    if usual is not None and unit:
        return usual
    if unit in UNIT_DECIMALS:
        return UNIT_DECIMALS[unit]
    if described is not None:
        return described.dec
    return usual if usual is not None else DEFAULT_DECIMALS


def _unknown_decimals(tags: Iterable[TagConfig], drivers: Mapping[str, Driver]) -> Iterable[str]:
    """Tags whose decimals are a guess by now: neither configured nor told by a source that is still being asked."""
    described = {
        source: driver.describe()
        for source, driver in drivers.items()
        if isinstance(driver, Describing) and driver.is_asking
    }
    for tag in tags:
        if tag.decimals is None and tag.id not in described.get(tag.source, {tag.id: None}):
            yield tag.id


def _enums(tag: TagConfig, described: CatalogTag | None) -> dict[str, str] | None:
    if tag.enums is not None:
        return tag.enums
    if tag.gauge is not None:
        return dict(tag.gauge)  # a gauge's own words are shown as what they mean: manual, simulated, fault, stale
    return described.enums if described else None


def _with_history(tag: CatalogTag, *, kept: bool) -> CatalogTag:
    return msgspec.structs.replace(tag, hist=True) if kept else tag


def _with_limits(tag: CatalogTag, writable: Writable | None) -> CatalogTag:
    return tag if writable is None else msgspec.structs.replace(tag, w=writable)


class Offered(Protocol):
    """What may be changed at present."""

    def writable(self, tag: str) -> Writable | None:
        """The limits of a tag that may be written now."""

    def rows(self) -> list[CatalogCommand]:
        """The commands that may be given now."""


class Catalog:
    """The rows in force now, their hash, and their pages."""

    def __init__(
        self,
        tags: Iterable[TagConfig],
        assets: Iterable[AssetConfig],
        drivers: Mapping[str, Driver],
        monotonic: Callable[[], float],
    ) -> None:
        self._tags = tuple(tags)
        self._assets = [CatalogAsset(id=a.id, name=a.name, area=a.area, kind=a.kind) for a in assets]
        self._areas = list(dict.fromkeys(asset.area for asset in self._assets))
        self._drivers = drivers
        self._monotonic = monotonic
        self._built_at: float | None = None
        self._decimals: dict[str, int | None] = {}
        self._offered: Offered | None = None
        self._has_history: Callable[[TagConfig], bool] | None = None
        self._by_id: dict[str, CatalogTag] = {}
        self._rows: list[CatalogAsset | CatalogTag | CatalogCommand] = []
        self._sizes: list[int] = []
        self._hash = ""

    @property
    def hash(self) -> str:
        """Changes exactly when a row, an asset or an area does."""
        self._refresh()
        return self._hash

    def decimals(self, tag: str) -> int | None:
        """Places to round this tag's numbers to; ``None`` for what is no number, and while the source may still say
        how many: what is rounded away nobody gets back. Asked for every reading: cheap."""
        if self._built_at is None:
            self._refresh()
        return self._decimals.get(tag)

    def changed(self) -> None:
        """A source came (back): what it says of its tags may be new."""
        self._built_at = None

    def offer(self, offered: Offered) -> None:
        """What may be changed is part of the catalog from now on."""
        self._offered = offered
        self.changed()

    def tell_history(self, has_history: Callable[[TagConfig], bool]) -> None:
        """Whether there is anywhere to ask for a tag's past is part of the catalog from now on."""
        self._has_history = has_history
        self.changed()

    def row(self, tag: str) -> CatalogTag | None:
        """The row of a tag as it is now; ``None`` for what is no tag of this site."""
        self._refresh()
        return self._by_id.get(tag)

    def page(self, query: CatalogQuery) -> CatalogAnswer:
        """The page at ``query.cur``; ``same`` when the caller has this catalog already. Fits in one message."""
        self._refresh()
        if query.have == self._hash:
            return CatalogAnswer(cat=self._hash, same=True)
        end = query.cur
        size = len(_encoder.encode(self._areas)) if query.cur == 0 else 0
        # The first row always fits: every text of a row is bounded by the configuration.
        while end < len(self._rows) and end - query.cur < query.max:
            size += self._sizes[end]
            if size > PAGE_BUDGET and end > query.cur:
                break
            end += 1
        rows = self._rows[query.cur : end]
        return CatalogAnswer(
            cat=self._hash,
            areas=self._areas if query.cur == 0 else [],
            assets=[row for row in rows if isinstance(row, CatalogAsset)],
            tags=[row for row in rows if isinstance(row, CatalogTag)],
            commands=[row for row in rows if isinstance(row, CatalogCommand)],
            cur=end if end < len(self._rows) else None,
        )

    def _refresh(self) -> None:
        now = self._monotonic()
        if self._built_at is not None and now - self._built_at < REBUILD_INTERVAL:
            return
        self._built_at = now
        tags = describe_tags(self._tags, self._drivers)
        if (kept := self._has_history) is not None:
            tags = [_with_history(row, kept=kept(tag)) for row, tag in zip(tags, self._tags, strict=True)]
        unknown = set(_unknown_decimals(self._tags, self._drivers))
        self._decimals = {tag.id: tag.dec if tag.kind == "number" and tag.id not in unknown else None for tag in tags}
        commands: list[CatalogCommand] = []
        if self._offered is not None:
            tags = [_with_limits(tag, self._offered.writable(tag.id)) for tag in tags]
            commands = self._offered.rows()
        self._by_id = {tag.id: tag for tag in tags}
        encoded = [_encoder.encode(row) for row in (*self._assets, *tags, *commands)]
        digest = hashlib.sha256(_encoder.encode(self._areas))
        for row in encoded:
            digest.update(row)
        self._rows = [*self._assets, *tags, *commands]
        self._sizes = [len(row) + 1 for row in encoded]
        self._hash = digest.hexdigest()[:16]
