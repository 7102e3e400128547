"""The site overview: every asset by area with level bar, level, rate, quality and age; counts for each area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse

from hmi.screens.presenters.badges import ShownBadge, show_badge
from hmi.screens.presenters.bars import LIST_FRAME, ShownBar, show_bar
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.values import Scene, ShownValue, show_value
from hmi.screens.presenters.words import DASH, number_text
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import AssetState, asset_state
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from relay_bridge.contract.readings import Reading

AS_LAID_OUT, ABNORMAL_FIRST = "laid-out", "abnormal"
ORDERS = {AS_LAID_OUT: "As laid out", ABNORMAL_FIRST: "Abnormal first"}
ATTENTION = "Needs attention"
MOVES = {"receiving": "receiving", "discharging": "discharging", "still": "still", "unknown": ""}
ARROWS = {"receiving": "\u25b2", "discharging": "\u25bc"}
# What a list shows of an asset that is no tank, the first that exists; the rest is on its own page.
_MAIN_OF_UNIT = ("flow", "run", "speed", "level")
PLAIN_GAUGE = frozenset({"ok", "good", "normal"})  # what a gauge says of itself when there is nothing to say


@dataclass(frozen=True)
class ShownRate:
    """``text`` has a sign and fixed decimals; ``basis`` says "from flow" when the rate is estimated."""

    text: str = ""
    unit: str = ""
    move: str = ""
    arrow: str = ""
    basis: str = ""


@dataclass(frozen=True)
class ShownAsset:
    """One row of a list."""

    id: str
    name: str
    area: str
    kind: str
    href: str
    main: ShownValue | None
    badge: ShownBadge
    bar: ShownBar | None
    rate: ShownRate
    product: ShownValue | None = None
    swatch: str = ""
    second: ShownValue | None = None
    gauge: ShownValue | None = None

    @property
    def gauge_plain(self) -> bool:
        """The gauge has nothing to say: its word is not shown in a list."""
        return self.gauge is not None and self.gauge.text.casefold() in PLAIN_GAUGE

    @property
    def stale(self) -> bool:
        return self.main is None or self.main.stale

    @property
    def abnormal(self) -> bool:
        return self.badge.shown or self.main is None or self.main.abnormal

    @property
    def rank(self) -> tuple[int, int]:
        """Alarms first, then what cannot be trusted, then the rest."""
        quality = 0 if self.main is None or self.main.quality == "bad" else 1
        doubt = quality if self.main is None or self.main.abnormal else 2
        return self.badge.rank, doubt


@dataclass(frozen=True)
class ShownArea:
    """A group of rows. ``folded``: another area is chosen, so only the heading with its counts is shown."""

    name: str
    assets: tuple[ShownAsset, ...]
    folded: bool = False
    is_area: bool = True

    @property
    def tanks(self) -> int:
        return sum(asset.kind == "tank" for asset in self.assets)

    @property
    def others(self) -> int:
        return len(self.assets) - self.tanks

    @property
    def alarms(self) -> int:
        return sum(bool(asset.badge.letters) for asset in self.assets)

    @property
    def stale(self) -> int:
        return sum(asset.stale for asset in self.assets)

    @property
    def asset_ids(self) -> str:
        return " ".join(asset.id for asset in self.assets)


@dataclass(frozen=True)
class ShownOverview:
    areas: tuple[ShownArea, ...]
    order: str
    area_names: tuple[str, ...]
    chosen_area: str = ""

    @property
    def order_words(self) -> str:
        return ORDERS[self.order]


def show_overview(
    catalog: Catalog,
    readings: Mapping[str, Reading],
    scene: Scene,
    slug: str,
    *,
    order: str = AS_LAID_OUT,
    area: str = "",
) -> ShownOverview:
    """Areas in the site's own order, or what needs attention before them. ``area`` folds the other areas.

    The order is that of the moment: rows do not jump about under a thumb when something changes later.
    """
    assets = [show_asset(catalog, asset, readings, scene, slug) for asset in catalog.assets]
    names = _area_names(catalog, assets)
    chosen = area if area in names else ""
    shown = assets
    areas: list[ShownArea] = []
    if order == ABNORMAL_FIRST and not chosen:
        abnormal = _ordered([asset for asset in assets if asset.abnormal])
        if abnormal:
            areas.append(ShownArea(ATTENTION, abnormal, is_area=False))
        shown = [asset for asset in assets if not asset.abnormal]
    for name in names:
        members = [asset for asset in shown if asset.area == name]
        if members:
            ordered = _ordered(members) if order == ABNORMAL_FIRST else tuple(members)
            areas.append(ShownArea(name, ordered, folded=bool(chosen) and name != chosen))
    return ShownOverview(areas=tuple(areas), order=order, area_names=names, chosen_area=chosen)


def show_asset(
    catalog: Catalog, asset: CatalogAsset, readings: Mapping[str, Reading], scene: Scene, slug: str
) -> ShownAsset:
    state = asset_state(catalog, asset.id, readings)
    tag = main_tag(catalog, asset)
    main = None if tag is None else show_value(tag, readings.get(tag.id), scene)
    product = _shown(catalog, asset, "product", readings, scene)
    level = tag if asset.kind == "tank" else None
    gauge = _shown(catalog, asset, "gauge_status", readings, scene)
    return ShownAsset(
        id=asset.id,
        name=asset.name or asset.id,
        area=asset.area,
        kind=asset.kind,
        href=asset_address(slug, asset),
        main=main,
        badge=show_badge(state, main),
        bar=show_bar(level, main.number if main else None, LIST_FRAME),
        rate=show_rate(state),
        product=product,
        swatch=swatch_of(product.text) if product and product.text != DASH else "",
        second=_shown(catalog, asset, "run", readings, scene) if asset.kind != "tank" else None,
        gauge=gauge,
    )


def asset_address(slug: str, asset: CatalogAsset) -> str:
    return reverse("screens:tank" if asset.kind == "tank" else "screens:unit", args=[slug, asset.id])


def main_tag(catalog: Catalog, asset: CatalogAsset) -> CatalogTag | None:
    """The one value that a list shows: a tank's level, a pump's flow, else the asset's first number."""
    for canon in ("level",) if asset.kind == "tank" else _MAIN_OF_UNIT:
        if (tag := catalog.tag_of(asset.id, canon)) is not None:
            return tag
    tags = catalog.tags_of(asset.id)
    return next((tag for tag in tags if tag.kind == "number"), tags[0] if tags else None)


def show_rate(state: AssetState) -> ShownRate:
    move = MOVES.get(state.move, "")
    if state.rate is None:
        return ShownRate(move=move, arrow=ARROWS.get(state.move, ""))
    text = number_text(state.rate, 1)
    return ShownRate(
        text=f"+{text}" if float(text) > 0 else text,
        unit=state.rate_unit,
        move=move,
        arrow=ARROWS.get(state.move, ""),
        basis="from flow" if state.rate_basis == "flow" else "",
    )


def _shown(
    catalog: Catalog, asset: CatalogAsset, canon: str, readings: Mapping[str, Reading], scene: Scene
) -> ShownValue | None:
    tag = catalog.tag_of(asset.id, canon)
    return None if tag is None else show_value(tag, readings.get(tag.id), scene)


def _area_names(catalog: Catalog, assets: Sequence[ShownAsset]) -> tuple[str, ...]:
    used = {asset.area for asset in assets}
    listed = [name for name in catalog.areas if name in used]
    return tuple(dict.fromkeys([*listed, *(asset.area for asset in assets)]))


def _ordered(assets: Sequence[ShownAsset]) -> tuple[ShownAsset, ...]:
    return tuple(sorted(assets, key=lambda asset: asset.rank))  # stable: equals stay as laid out
