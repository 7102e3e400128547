"""A watch list as it is read: assets as on the overview, single tags as on their page; and what can be added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from hmi.live.chosen_entries import Entry, known_entries
from hmi.screens.presenters.overview import ShownAsset, asset_address, show_asset
from hmi.screens.presenters.values import Scene, ShownValue, show_value
from hmi.sites.catalog import Catalog
from hmi.sites.tag_names import tag_name
from relay_bridge.contract.readings import Reading

MOST_FOUND = 40  # of a search; more is narrowed by typing on


@dataclass(frozen=True)
class ShownEntry:
    """``asset`` for a whole asset, ``value`` for one tag; ``href`` leads to the asset's page, empty without one."""

    entry: Entry
    name: str
    where: str
    href: str = ""
    asset: ShownAsset | None = None
    value: ShownValue | None = None


@dataclass(frozen=True)
class Candidate:
    """Something that can be put into a list; ``there``: it stands in it."""

    entry: Entry
    name: str
    where: str
    there: bool = False


def show_entries(
    catalog: Catalog, entries: Sequence[Entry], readings: Mapping[str, Reading], scene: Scene, slug: str
) -> tuple[ShownEntry, ...]:
    """Only what the site has; the rest is neither shown nor counted."""
    return tuple(_show(catalog, entry, readings, scene, slug) for entry in known_entries(catalog, entries))


def find_candidates(catalog: Catalog, words: str, entries: Sequence[Entry]) -> tuple[tuple[Candidate, ...], bool]:
    """What fits every word typed, assets before their tags, and whether there is more. Without words: the assets."""
    wanted = words.casefold().split()
    there = set(entries)
    found: list[Candidate] = []
    for each in _all(catalog, with_tags=bool(wanted)):
        text = f"{each.name} {each.where} {each.entry.asset} {each.entry.tag}".casefold()
        if all(word in text for word in wanted):
            if len(found) == MOST_FOUND:
                return tuple(found), True
            found.append(Candidate(each.entry, each.name, each.where, each.entry in there))
    return tuple(found), False


def lists_address(slug: str) -> str:
    return reverse("lists:all", args=[slug])


def _show(catalog: Catalog, entry: Entry, readings: Mapping[str, Reading], scene: Scene, slug: str) -> ShownEntry:
    if entry.asset:
        asset = catalog.asset(entry.asset)
        assert asset is not None  # noqa: S101 - known_entries found it
        shown = show_asset(catalog, asset, readings, scene, slug)
        return ShownEntry(entry, shown.name, asset.area, shown.href, asset=shown)
    tag = catalog.tag(entry.tag)
    assert tag is not None  # noqa: S101 - known_entries found it
    owner = catalog.asset(tag.asset)
    value = show_value(tag, readings.get(tag.id), scene)
    where = (owner.name or owner.id) if owner is not None else ""
    return ShownEntry(entry, value.name, where, asset_address(slug, owner) if owner else "", value=value)


def _all(catalog: Catalog, *, with_tags: bool) -> Iterator[Candidate]:
    for asset in catalog.assets:
        name = asset.name or asset.id
        yield Candidate(Entry(asset=asset.id), name, asset.area)
        if with_tags:
            for tag in catalog.tags_of(asset.id):
                yield Candidate(Entry(tag=tag.id), tag_name(tag), name)
