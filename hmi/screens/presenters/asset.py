"""The page of one tank, pump or unit: drawing, values in the trade's order, limits, forecast, neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hmi.screens.presenters.badges import ShownBadge, show_badge
from hmi.screens.presenters.bars import DRAWING_FRAME, LIMIT_WORDS, ShownBar, show_bar
from hmi.screens.presenters.overview import ShownRate, asset_address, main_tag, show_rate
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.values import Scene, ShownValue, show_value
from hmi.screens.presenters.words import DASH, duration_text, number_text
from hmi.sites.catalog import Catalog
from hmi.sites.tanks import AssetState, asset_state
from relay_bridge.contract.messages import CatalogAsset, CatalogTag, Limits
from relay_bridge.contract.readings import Reading

# Groups of a page, in the order in which a gauging system is read; what is in no group follows under "Other".
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Status", ("movement", "gauge_status", "run", "mode", "leak_alarm", "sealed")),
    ("Level", ("level", "ullage", "level_rate", "water_level", "height_ref", "max_fill")),
    ("Flow", ("flow", "setpoint", "speed")),
    ("Temperature", ("temp_avg", "temp_vapour", "temp_ambient")),
    (
        "Pressure",
        ("pressure", "pressure_vapour", "pressure_middle", "pressure_bottom", "pressure_suction", "pressure_discharge"),
    ),
    ("Volume", ("tov", "fwv", "gov", "gsv", "nsv", "available_room", "pumpable", "capacity")),
    ("Quantity", ("mass", "density_obs", "density_ref", "vcf", "ctl")),
    ("Drive", ("current", "power", "running_hours")),
)
# Shown elsewhere on the page: in the head, and in the table of limits.
_ELSEWHERE = frozenset({"product", "lim_hh", "lim_h", "lim_l", "lim_ll"})
_MEASURED_VOLUMES = frozenset({"tov", "fwv", "gov", "gsv", "nsv", "available_room", "pumpable", "mass"})


@dataclass(frozen=True)
class ShownGroup:
    name: str
    values: tuple[ShownValue, ...]
    volumes: bool = False


@dataclass(frozen=True)
class ShownLimit:
    """A row of the limits table; ``time`` is how long until the level gets there at the present rate."""

    key: str
    letters: str
    word: str
    text: str
    unit: str
    time: str


@dataclass(frozen=True)
class Neighbour:
    name: str
    href: str


@dataclass(frozen=True)
class ShownAssetPage:
    id: str
    name: str
    area: str
    kind: str
    main: ShownValue | None
    product: ShownValue | None
    swatch: str
    badge: ShownBadge
    bar: ShownBar | None
    rate: ShownRate
    groups: tuple[ShownGroup, ...]
    limits: tuple[ShownLimit, ...]
    working_range: str
    previous: Neighbour | None = None
    following: Neighbour | None = None

    @property
    def stale(self) -> bool:
        return self.main is None or self.main.stale

    @property
    def has_volumes(self) -> bool:
        return any(group.volumes for group in self.groups)


def show_asset_page(
    catalog: Catalog, asset: CatalogAsset, readings: Mapping[str, Reading], scene: Scene, slug: str
) -> ShownAssetPage:
    """Everything the catalog has of ``asset``; what it does not have is left out, not invented."""
    shown = {tag.id: show_value(tag, readings.get(tag.id), scene) for tag in catalog.tags_of(asset.id)}

    def of(canon: str) -> ShownValue | None:
        tag = catalog.tag_of(asset.id, canon)
        return None if tag is None else shown[tag.id]

    state = asset_state(catalog, asset.id, readings)
    tag = main_tag(catalog, asset)
    main = None if tag is None else shown[tag.id]
    level = catalog.tag_of(asset.id, "level") if asset.kind == "tank" else None
    product, water = of("product"), of("water_level")
    before, after = _neighbours(catalog, asset, slug)
    return ShownAssetPage(
        id=asset.id,
        name=asset.name or asset.id,
        area=asset.area,
        kind=asset.kind,
        main=main,
        product=product,
        swatch=swatch_of(product.text) if product and product.text != DASH else "",
        badge=show_badge(state, main),
        bar=show_bar(
            level,
            main.number if main else None,
            DRAWING_FRAME,
            catalog.tag_of(asset.id, "water_level"),
            water.number if water else None,
        ),
        rate=show_rate(state),
        groups=_groups(catalog.tags_of(asset.id), shown, main),
        limits=_limits(level, state, stale=main is None or main.stale),
        working_range=_working_range(level),
        previous=before,
        following=after,
    )


def _groups(
    tags: tuple[CatalogTag, ...], shown: Mapping[str, ShownValue], main: ShownValue | None
) -> tuple[ShownGroup, ...]:
    left = [tag for tag in tags if tag.canon not in _ELSEWHERE and (main is None or tag.id != main.tag)]
    groups = []
    for name, canons in GROUPS:
        members = sorted((tag for tag in left if tag.canon in canons), key=lambda tag: canons.index(tag.canon))
        if members:
            volumes = any(tag.canon in _MEASURED_VOLUMES for tag in members)
            groups.append(ShownGroup(name, tuple(shown[tag.id] for tag in members), volumes))
            left = [tag for tag in left if tag not in members]
    if left:
        groups.append(ShownGroup("Other", tuple(shown[tag.id] for tag in left)))
    return tuple(groups)


def _limits(level: CatalogTag | None, state: AssetState, *, stale: bool) -> tuple[ShownLimit, ...]:
    """A forecast from a level that is not known to be so now is none."""
    if level is None or level.lim is None:
        return ()
    rows = []
    for key in ("hh", "h", "l", "ll"):
        value = getattr(level.lim, key)
        if value is not None:
            time = duration_text(state.to[key]) if key in state.to and not stale else ""
            text = number_text(value, level.dec)
            rows.append(ShownLimit(key, key.upper(), LIMIT_WORDS[key], text, level.unit, time))
    return tuple(rows)


def _working_range(level: CatalogTag | None) -> str:
    """``2.000 to 13.500 m``: between the low and the high limit; empty unless both exist."""
    limits: Limits | None = None if level is None else level.lim
    if level is None or limits is None or limits.l is None or limits.h is None:
        return ""
    return f"{number_text(limits.l, level.dec)} to {number_text(limits.h, level.dec)} {level.unit}"


def _neighbours(catalog: Catalog, asset: CatalogAsset, slug: str) -> tuple[Neighbour | None, Neighbour | None]:
    """The assets before and after in the list as laid out: area by area, as the overview shows them."""
    areas = list(dict.fromkeys([*catalog.areas, *(other.area for other in catalog.assets)]))
    ordered = [other for area in areas for other in catalog.assets_in(area)]
    place = next((index for index, other in enumerate(ordered) if other.id == asset.id), None)
    if place is None:
        return None, None
    return tuple(  # type: ignore[return-value]
        Neighbour(other.name or other.id, asset_address(slug, other)) if other is not None else None
        for other in (
            ordered[place - 1] if place > 0 else None,
            ordered[place + 1] if place + 1 < len(ordered) else None,
        )
    )
