"""Looks for words in what a site has: its assets and tags by an index, its alarms one by one, its own name.

Pure: no person and no I/O. Whoever calls gives only what the person may see, one ``Ground`` a site.
"""

from __future__ import annotations

import re
import weakref
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hmi.screens.search_words import Query, fold, words_of
from hmi.sites.catalog import Catalog
from hmi.sites.tag_names import has_usual_name, tag_name, usual_word
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.messages import CatalogAsset, CatalogTag

Kind = Literal["site", "asset", "tag", "alarm"]
MOST: dict[Kind, int] = {"site": 10, "asset": 20, "tag": 25, "alarm": 15}  # shown of each
EXACT, BEGINS, OTHER, AT_SITE = 0, 1, 2, 3


@dataclass(frozen=True)
class Ground:
    """What may be searched of one site: ``catalog`` and ``alarms`` are None where that is not for this person."""

    slug: str
    name: str
    catalog: Catalog | None = None
    alarms: Sequence[AlarmRow] | None = None


@dataclass(frozen=True)
class Hit:
    """``rank`` 0: exactly what was typed, 1: begins with it, 2: has all words, 3: has those that its site has not."""

    kind: Kind
    ground: Ground
    rank: int
    thing: CatalogAsset | CatalogTag | AlarmRow | None = None


@dataclass(frozen=True)
class Found:
    """``more``: how many of each kind are not in ``hits``."""

    hits: tuple[Hit, ...] = ()
    more: dict[Kind, int] = field(default_factory=dict)

    def of(self, kind: Kind) -> tuple[Hit, ...]:
        return tuple(hit for hit in self.hits if hit.kind == kind)

    @property
    def exact(self) -> tuple[Hit, ...]:
        return tuple(hit for hit in self.hits if hit.rank == EXACT)


class CatalogIndex:
    """The words of one catalog, sorted, so that the beginning of a word is found without reading them all.

    The trade's words are found in the reader's language as well.
    """

    def __init__(self, catalog: Catalog) -> None:
        assets = {asset.id: asset for asset in catalog.assets}
        self.things: list[CatalogAsset | CatalogTag] = [*catalog.assets, *catalog.tags]
        pairs: list[tuple[str, int]] = []
        self._usual: dict[str, set[int]] = {}  # places of tags by the name that the trade gives them
        for place, thing in enumerate(self.things):
            owner = assets.get(thing.asset) if isinstance(thing, CatalogTag) else None
            around = (owner.name, owner.area) if owner is not None else (getattr(thing, "area", ""),)
            if isinstance(thing, CatalogTag) and has_usual_name(thing):
                self._usual.setdefault(thing.name, set()).add(place)
            pairs += [(word, place) for word in words_of(thing.id, thing.name, *around)]
        pairs.sort()
        self._words = [word for word, _ in pairs]
        self._places = [place for _, place in pairs]

    def places(self, token: str) -> set[int]:
        """The places of everything with a word that begins with ``token``."""
        start = bisect_left(self._words, token)
        end = bisect_left(self._words, token + "\U0010ffff")
        spoken = (places for name, places in self._usual.items() if _begins(token, usual_word(name)))
        return set(self._places[start:end]).union(*spoken)


def _begins(token: str, text: str) -> bool:
    return any(word.startswith(token) for word in words_of(text))


_indexes: weakref.WeakKeyDictionary[Catalog, CatalogIndex] = weakref.WeakKeyDictionary()


def search(query: Query, grounds: Iterable[Ground]) -> Found:
    """The best hits of each kind, and how many more there are. Nothing is found by nothing."""
    if not query.tokens:
        return Found()
    hits: list[Hit] = []
    for ground in grounds:
        hits += _search_one(query, ground)
    shown: list[Hit] = []
    more: dict[Kind, int] = {}
    for kind, most in MOST.items():
        mine = sorted((hit for hit in hits if hit.kind == kind), key=_order)
        shown += mine[:most]
        if len(mine) > most:
            more[kind] = len(mine) - most
    return Found(tuple(shown), more)


def _search_one(query: Query, ground: Ground) -> list[Hit]:
    words = words_of(ground.slug, ground.name)
    of_site = {token for token in query.tokens if any(word.startswith(token) for word in words)}
    left = tuple(token for token in query.tokens if token not in of_site)
    hits: list[Hit] = []
    if not left:
        exact = query.whole in {ground.slug, fold(ground.name)}
        hits.append(Hit("site", ground, EXACT if exact else BEGINS))
    # What is named beside the site must be found in the thing itself; a word that fits both finds both.
    looked_for = left or query.tokens
    if ground.catalog is not None:
        hits += _in_catalog(query, ground, ground.catalog, looked_for, every=bool(left))
    if ground.alarms:
        hits += _in_alarms(ground, ground.alarms, looked_for, every=bool(left))
    return hits


def _in_catalog(
    query: Query, ground: Ground, catalog: Catalog, tokens: tuple[str, ...], *, every: bool
) -> Iterable[Hit]:
    index = _indexes.get(catalog)
    if index is None:
        index = _indexes[catalog] = CatalogIndex(catalog)
    sets = [index.places(token) for token in tokens]
    places = set.intersection(*sets) if every else set.union(*sets)
    wholly = set.intersection(*(index.places(token) for token in query.tokens))
    typed = " ".join(tokens)
    for place in places:
        thing = index.things[place]
        kind: Kind = "tag" if isinstance(thing, CatalogTag) else "asset"
        rank = _rank(thing, typed)
        if rank != EXACT and place not in wholly:
            rank = AT_SITE
        yield Hit(kind, ground, rank, thing)


def _rank(thing: CatalogAsset | CatalogTag, typed: str) -> int:
    names = (fold(thing.id), fold(tag_name(thing) if isinstance(thing, CatalogTag) else thing.name))
    if names[0] == typed or (names[1] == typed and isinstance(thing, CatalogAsset)):
        return EXACT
    return BEGINS if any(name.startswith(typed) for name in names) else OTHER


def _in_alarms(ground: Ground, rows: Sequence[AlarmRow], tokens: tuple[str, ...], *, every: bool) -> Iterable[Hit]:
    patterns = [re.compile(rf"(?<![^\W_]){re.escape(token)}") for token in tokens]
    combine = all if every else any
    for row in rows:
        text = fold(f"{row.name[:100]} {row.cond[:40]} {row.asset[:60]} {row.area[:60]}")
        if combine(pattern.search(text) for pattern in patterns):
            yield Hit("alarm", ground, OTHER, row)


def _order(hit: Hit) -> tuple[int, int, tuple[tuple[int, str], ...], str]:
    if isinstance(hit.thing, AlarmRow):  # the most important first, as in the alarm list
        return hit.rank, -hit.thing.sev - (0 if hit.thing.ack else 1000), (), hit.thing.id
    name = hit.thing.id if hit.thing is not None else hit.ground.name
    return hit.rank, 0, _natural(name), hit.ground.slug


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """TK-2 before TK-10: the digits of a name count as a number."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((int(part[:18]), "") if part.isdecimal() else (-1, part) for part in parts)
