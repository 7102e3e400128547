"""Which tags and assets belong to which live page. Pages and streams both ask here, so they always agree."""

from __future__ import annotations

from dataclasses import dataclass

from hmi.sites.catalog import Catalog
from relay_bridge.contract.messages import CatalogAsset

MAX_PICTURE_TAGS = 1000  # of one page: more is no screen any more, and a snapshot must stay far below 100 kB

# What the overview of a site shows of a tank, and of anything else, in words of the tank vocabulary.
TANK_CANONS = ("level", "product", "gauge_status")
UNIT_CANONS = ("flow", "run", "speed", "level", "setpoint")
# What the derived state rests on (hmi/sites/tanks.py): watched, and sent only where it is shown as well.
DERIVED_CANONS = ("level", "level_rate", "flow", "tov", "available_room", "pumpable")


@dataclass(frozen=True)
class Picture:
    """``tags`` are sent, in this order; ``needed`` are watched too; of ``assets`` the derived state is sent."""

    tags: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()
    assets: tuple[str, ...] = ()

    @property
    def watched(self) -> frozenset[str]:
        return self.needed.union(self.tags)


def site_picture(catalog: Catalog) -> Picture:
    """The overview of a site: the main values of every asset."""
    tags: list[str] = []
    needed: set[str] = set()
    for asset in catalog.assets:
        tags += _of(catalog, asset, TANK_CANONS) if asset.kind == "tank" else _main_of_unit(catalog, asset)
        needed.update(_of(catalog, asset, DERIVED_CANONS))
    return Picture(tuple(tags[:MAX_PICTURE_TAGS]), frozenset(needed), tuple(asset.id for asset in catalog.assets))


def asset_picture(catalog: Catalog, asset_id: str) -> Picture:
    """The page of one tank or pump: everything that belongs to it; empty when the site has no such asset."""
    asset = catalog.asset(asset_id)
    if asset is None:
        return Picture()
    tags = tuple(tag.id for tag in catalog.tags_of(asset_id))[:MAX_PICTURE_TAGS]
    return Picture(tags, frozenset(_of(catalog, asset, DERIVED_CANONS)), (asset_id,))


def beside_picture(catalog: Catalog, asset_id: str) -> Picture:
    """The page of one asset with the site's list beside it, as a tablet shows them."""
    asset, site = asset_picture(catalog, asset_id), site_picture(catalog)
    tags = tuple(dict.fromkeys(asset.tags + site.tags))[:MAX_PICTURE_TAGS]
    return Picture(tags, asset.needed | site.needed, site.assets)


def summary_picture(catalog: Catalog) -> Picture:
    """A site's line among a person's sites: the tanks' levels, of which only counts are shown."""
    tanks = catalog.tanks
    levels = [tag for asset in tanks for tag in _of(catalog, asset, ("level",))]
    return Picture((), frozenset(levels), tuple(asset.id for asset in tanks))


def main_tag_id(catalog: Catalog, asset: CatalogAsset) -> str | None:
    """The one value that stands for an asset in a list: a tank's level, a unit's first of what is known of it."""
    found = _of(catalog, asset, ("level",)) if asset.kind == "tank" else _main_of_unit(catalog, asset)
    if not found:
        tags = catalog.tags_of(asset.id)
        found = [tag.id for tag in (*(tag for tag in tags if tag.kind == "number"), *tags)]
    return found[0] if found else None


def _main_of_unit(catalog: Catalog, asset: CatalogAsset) -> list[str]:
    """What a list shows of a pump or another unit; of one with no known word its first number, else its first tag."""
    known = _of(catalog, asset, UNIT_CANONS)
    if known:
        return known
    tags = catalog.tags_of(asset.id)
    first = next((tag for tag in tags if tag.kind == "number"), tags[0] if tags else None)
    return [] if first is None else [first.id]


def _of(catalog: Catalog, asset: CatalogAsset, canons: tuple[str, ...]) -> list[str]:
    found = (catalog.tag_of(asset.id, canon) for canon in canons)
    return [tag.id for tag in found if tag is not None]
