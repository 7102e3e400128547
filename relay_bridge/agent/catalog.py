"""The catalog: what a screen must know of every tag, from the configuration and from what the sources say.

Order of belief: the configuration, then the source, then what is usual for the canonical key. What is usual for
a key holds only under its usual unit: a range in metres says nothing of a level in millimetres.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

import msgspec

from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.tags import AssetConfig, TagConfig
from relay_bridge.agent.vocabulary import CANON, DEFAULT_DECIMALS, UNIT_DECIMALS
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
    for source, driver in drivers.items():
        rows = driver.describe()
        described.update(rows)
        if not rows and not isinstance(driver, MemoryDriver):
            silent.add(source)
    return [merge_tag(tag, described.get(tag.id), assume=tag.source not in silent) for tag in tags]


def merge_tag(tag: TagConfig, described: CatalogTag | None, *, assume: bool = True) -> CatalogTag:
    """One catalog row: configuration over source over, with ``assume``, what is usual."""
    canon = CANON.get(tag.canon) if assume else None
    unit = tag.unit if tag.unit is not None else (described.unit if described else "")
    if not unit and tag.unit is None and canon is not None:
        unit = canon.unit
    usual = canon if canon is not None and canon.unit == unit else None
    low, high = tag.span or (None, None)
    if tag.span is None and described is not None and unit == described.unit:
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
        dec=_decimals(tag, usual.decimals if usual else None, unit, described),
        lo=low,
        hi=high,
        canon=tag.canon,
        lim=tag.limits,
        enums=tag.enums if tag.enums is not None else (described.enums if described else None),
    )


def _decimals(tag: TagConfig, usual: int | None, unit: str, described: CatalogTag | None) -> int:
    if tag.decimals is not None:
        return tag.decimals
    if usual is not None and unit:
        return usual
    if unit in UNIT_DECIMALS:
        return UNIT_DECIMALS[unit]
    if described is not None:
        return described.dec
    return usual if usual is not None else DEFAULT_DECIMALS


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
        self._rows: list[CatalogAsset | CatalogTag] = []
        self._sizes: list[int] = []
        self._hash = ""

    @property
    def hash(self) -> str:
        """Changes exactly when a row, an asset or an area does."""
        self._refresh()
        return self._hash

    def decimals(self, tag: str) -> int | None:
        """Places to round this tag's numbers to; ``None`` for what is no number. Asked for every reading: cheap."""
        if self._built_at is None:
            self._refresh()
        return self._decimals.get(tag)

    def changed(self) -> None:
        """A source came (back): what it says of its tags may be new."""
        self._built_at = None

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
            cur=end if end < len(self._rows) else None,
        )

    def _refresh(self) -> None:
        now = self._monotonic()
        if self._built_at is not None and now - self._built_at < REBUILD_INTERVAL:
            return
        self._built_at = now
        tags = describe_tags(self._tags, self._drivers)
        self._decimals = {tag.id: tag.dec if tag.kind == "number" else None for tag in tags}
        encoded = [_encoder.encode(row) for row in (*self._assets, *tags)]
        digest = hashlib.sha256(_encoder.encode(self._areas))
        for row in encoded:
            digest.update(row)
        self._rows = [*self._assets, *tags]
        self._sizes = [len(row) + 1 for row in encoded]
        self._hash = digest.hexdigest()[:16]
