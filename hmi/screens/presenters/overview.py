"""The site overview: every asset by area as an analog indicator; in which order, and which of them.

Orders and filters are those of the moment: rows do not jump about under a thumb when something changes later. Counts
are of all assets, shown or not, so that a filter never hides an alarm unsaid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from hmi.screens.presenters.badges import ShownBadge, show_badge
from hmi.screens.presenters.bars import LIST_FRAME, ShownBar, show_bar
from hmi.screens.presenters.forecasts import FAR, NOTHING_AHEAD, ShownNext, show_next
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.units import shown_in
from hmi.screens.presenters.values import Scene, ShownValue, show_value
from hmi.screens.presenters.words import DASH, plain_number
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import AssetState, asset_state
from hmi.sites.units import shown_length_unit
from relay_bridge.contract.messages import CatalogAsset, CatalogTag
from relay_bridge.contract.readings import Reading

AS_LAID_OUT, ABNORMAL_FIRST, SOONEST_FIRST = "laid-out", "abnormal", "soonest"
ORDERS: dict[str, str | Promise] = {
    AS_LAID_OUT: gettext_lazy("As laid out"),
    ABNORMAL_FIRST: gettext_lazy("Abnormal first"),
    SOONEST_FIRST: gettext_lazy("Soonest first"),
}
ALL, IN_ALARM, STALE, MOVING = "all", "alarm", "stale", "moving"
SHOWS: dict[str, str | Promise] = {
    ALL: pgettext_lazy("of the tanks in a list", "All"),
    IN_ALARM: gettext_lazy("In alarm"),
    STALE: gettext_lazy("Stale"),
    MOVING: gettext_lazy("Moving"),
}
MOVES: dict[str, str | Promise] = {
    "receiving": gettext_lazy("receiving"),
    "discharging": gettext_lazy("discharging"),
    "still": gettext_lazy("still"),
    "unknown": "",
}
ARROWS = {"receiving": "\u25b2", "discharging": "\u25bc"}
# What a list shows of an asset that is no tank, the first that exists; the rest is on its own page.
_MAIN_OF_UNIT = ("flow", "run", "speed", "level")
RATE_DECIMALS = 1
PLAIN_GAUGE = frozenset({"ok", "good", "normal"})  # what a gauge says of itself when there is nothing to say


@dataclass(frozen=True)
class ShownRate:
    """``text`` has a sign and fixed decimals; ``basis`` says "from flow" when the rate is estimated.

    ``decimals``, ``shown_unit``, ``factor``, ``offset``, ``form``: how the page's script shows the next one.
    """

    text: str = ""
    unit: str = ""
    move: str | Promise = ""
    arrow: str = ""
    basis: str = ""
    decimals: str = ""
    shown_unit: str = ""
    factor: str = ""
    offset: str = ""
    form: str = ""


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
    setpoint: ShownValue | None = None
    next: ShownNext = NOTHING_AHEAD
    moving: bool = False
    stuck: bool = False

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

    def is_one_of(self, show: str) -> bool:
        """Whether it is in alarm, stale or moving, as the filter asks."""
        return {IN_ALARM: bool(self.badge.letters), STALE: self.stale, MOVING: self.moving}.get(show, True)

    @property
    def rank(self) -> tuple[int, int]:
        """Alarms first, then what cannot be trusted, then the rest."""
        quality = 0 if self.main is None or self.main.quality == "bad" else 1
        doubt = quality if self.main is None or self.main.abnormal else 2
        return self.badge.rank, doubt


@dataclass(frozen=True)
class ShownArea:
    """A group of rows: ``assets`` are shown, ``members`` are counted.

    ``folded``: another area is chosen, so only the heading with its counts is shown.
    """

    name: str
    assets: tuple[ShownAsset, ...]
    members: tuple[ShownAsset, ...]
    folded: bool = False
    is_area: bool = True
    query: str = ""  # leads to this area alone

    @property
    def tanks(self) -> int:
        return sum(asset.kind == "tank" for asset in self.members)

    @property
    def others(self) -> int:
        return len(self.members) - self.tanks

    @property
    def alarms(self) -> int:
        return sum(bool(asset.badge.letters) for asset in self.members)

    @property
    def stale(self) -> int:
        return sum(asset.stale for asset in self.members)

    @property
    def asset_ids(self) -> str:
        return " ".join(asset.id for asset in self.members)


@dataclass(frozen=True)
class ShownChoice:
    """One tap of the list's tools: an order or a filter. ``count`` is ``None`` where nothing is counted."""

    key: str
    words: str | Promise
    query: str
    chosen: bool
    count: int | None = None


@dataclass(frozen=True)
class ShownOverview:
    areas: tuple[ShownArea, ...]
    order: str
    area_names: tuple[str, ...]
    chosen_area: str = ""
    show: str = ALL
    shown: int = 0  # rows in the list
    total: int = 0
    orders: tuple[ShownChoice, ...] = ()
    shows: tuple[ShownChoice, ...] = ()

    @property
    def order_words(self) -> str | Promise:
        return ORDERS[self.order]

    @property
    def show_words(self) -> str | Promise:
        return SHOWS[self.show]

    @property
    def all_areas_query(self) -> str:
        return list_query(self.order, "", self.show)


def show_overview(
    catalog: Catalog,
    readings: Mapping[str, Reading],
    scene: Scene,
    slug: str,
    *,
    order: str = AS_LAID_OUT,
    area: str = "",
    show: str = ALL,
) -> ShownOverview:
    """Areas in the site's own order, or what needs attention before them. ``area`` folds the other areas."""
    assets = [show_asset(catalog, asset, readings, scene, slug) for asset in catalog.assets]
    names = _area_names(catalog, assets)
    chosen = area if area in names else ""
    areas = _areas(assets, names, order, chosen, show)
    return ShownOverview(
        areas=areas,
        order=order,
        area_names=names,
        chosen_area=chosen,
        show=show,
        shown=sum(len(area.assets) for area in areas if not area.folded),
        total=len(assets),
        orders=tuple(
            ShownChoice(key, words, list_query(key, chosen, show), chosen=key == order)
            for key, words in ORDERS.items()
        ),
        shows=tuple(
            ShownChoice(
                key, words, list_query(order, chosen, key), chosen=key == show,
                count=None if key == ALL else sum(asset.is_one_of(key) for asset in assets),
            )
            for key, words in SHOWS.items()
        ),
    )  # fmt: skip


def list_query(order: str, area: str, show: str) -> str:
    """The address of a list with this order, area and filter: a query without what is usual."""
    return "?" + urlencode(
        {"order": order} | ({"area": area} if area else {}) | ({"show": show} if show != ALL else {})
    )


def _areas(
    assets: Sequence[ShownAsset], names: Sequence[str], order: str, chosen: str, show: str
) -> tuple[ShownArea, ...]:
    """The groups of the list. An area without a row is left out, unless it is the choice of an area that hides them."""
    wanted = [asset for asset in assets if asset.is_one_of(show)]
    if order == SOONEST_FIRST:
        inside = [asset for asset in wanted if not chosen or asset.area == chosen]
        moving = sorted((asset for asset in inside if asset.next.minutes < FAR), key=lambda asset: asset.next.minutes)
        rest = [asset for asset in inside if asset.next.minutes == FAR]
        groups = ((gettext("Soonest at a limit"), moving), (gettext("No limit ahead"), rest))
        return tuple(ShownArea(name, tuple(rows), tuple(rows), is_area=False) for name, rows in groups if rows)
    areas: list[ShownArea] = []
    if order == ABNORMAL_FIRST and not chosen:
        abnormal = _ordered([asset for asset in wanted if asset.abnormal])
        if abnormal:
            areas.append(ShownArea(gettext("Needs attention"), abnormal, abnormal, is_area=False))
        wanted = [asset for asset in wanted if not asset.abnormal]
    for name in names:
        rows = [asset for asset in wanted if asset.area == name]
        folded = bool(chosen) and name != chosen
        if not rows and not (folded and show == ALL):
            continue
        # What stands under "Needs attention" is counted there.
        members = rows if order == ABNORMAL_FIRST and not chosen else [each for each in assets if each.area == name]
        ordered = _ordered(rows) if order == ABNORMAL_FIRST else tuple(rows)
        areas.append(ShownArea(name, ordered, tuple(members), folded, query=list_query(order, name, show)))
    return tuple(areas)


def show_asset(
    catalog: Catalog, asset: CatalogAsset, readings: Mapping[str, Reading], scene: Scene, slug: str
) -> ShownAsset:
    state = asset_state(catalog, asset.id, readings)
    tag = main_tag(catalog, asset)
    main = None if tag is None else show_value(tag, readings.get(tag.id), scene)
    product = _shown(catalog, asset, "product", readings, scene)
    gauge = _shown(catalog, asset, "gauge_status", readings, scene)
    is_tank = asset.kind == "tank"
    setpoint = None if is_tank else _shown(catalog, asset, "setpoint", readings, scene)
    return ShownAsset(
        id=asset.id,
        name=asset.name or asset.id,
        area=asset.area,
        kind=asset.kind,
        href=asset_address(slug, asset),
        main=main,
        badge=show_badge(state, main),
        bar=show_bar(
            tag,
            main.number if main else None,
            LIST_FRAME,
            code=int(main.code or 0) if main else 0,
            setpoint=None if setpoint is None else catalog.tag(setpoint.tag),
            setpoint_value=setpoint.number if setpoint else None,
            units=scene.units,
        ),
        rate=show_rate(state, tag if is_tank else None, scene.units),
        product=product,
        swatch=swatch_of(product.text) if product and product.text != DASH else "",
        second=_shown(catalog, asset, "run", readings, scene) if not is_tank else None,
        gauge=gauge,
        setpoint=setpoint,
        next=show_next(state, stale=main is None or main.stale),
        moving=state.move in ARROWS,
        stuck=state.stuck,
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


def show_rate(state: AssetState, level: CatalogTag | None, units: str) -> ShownRate:
    """``level`` says in which unit the rates of this asset come, also while there is none."""
    unit = state.rate_unit or (f"{shown_length_unit(level.unit)}/min" if level is not None else "")
    shown = shown_in(units, unit, RATE_DECIMALS, "level_rate")
    carried = {"decimals": str(shown.decimals), "shown_unit": shown.unit, **shown.attributes}
    move = MOVES.get(state.move, "")
    if state.rate is None:
        return ShownRate(move=move, arrow=ARROWS.get(state.move, ""), **carried)
    text = shown.text(state.rate)
    rises = float(plain_number(shown.of(state.rate), shown.decimals)) > 0
    return ShownRate(
        text=f"+{text}" if rises else text,
        unit=shown.unit,
        move=move,
        arrow=ARROWS.get(state.move, ""),
        basis=gettext("from flow") if state.rate_basis == "flow" else "",
        **carried,
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
