"""The page of one tank, pump or unit: drawing, values in the trade's order, limits, forecast, neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

from hmi.screens.presenters.badges import ShownBadge, show_badge
from hmi.screens.presenters.bars import DRAWING_FRAME, LIMIT_WORDS, ShownBar, show_bar
from hmi.screens.presenters.forecasts import NOTHING_AHEAD, ShownNext, limit_letters, show_next
from hmi.screens.presenters.overview import ShownRate, asset_address, main_tag, show_rate
from hmi.screens.presenters.swatches import swatch_of
from hmi.screens.presenters.values import Scene, ShownValue, show_value, shown_tag
from hmi.screens.presenters.words import DASH, NO_BREAK, duration_text
from hmi.sites.catalog import Catalog
from hmi.sites.plain_text import apart
from hmi.sites.tanks import AssetState, asset_state
from relay_bridge.contract.messages import CatalogAsset, CatalogTag, Limits
from relay_bridge.contract.readings import Reading

# Groups of a page, in the order in which a gauging system is read; what is in no group follows under "Other".
GROUPS: tuple[tuple[str | Promise, tuple[str, ...]], ...] = (
    (gettext_lazy("Status"), ("gauge_status", "run", "mode", "leak_alarm", "sealed")),
    (gettext_lazy("Level"), ("level", "ullage", "water_level", "level_rate", "height_ref", "max_fill")),
    (gettext_lazy("Volume"), ("gov", "gsv", "nsv", "available_room", "pumpable", "tov", "fwv", "capacity")),
    (gettext_lazy("Flow"), ("flow", "setpoint", "speed")),
    (gettext_lazy("Temperature"), ("temp_avg", "temp_vapour", "temp_ambient")),
    (
        gettext_lazy("Pressure"),
        ("pressure", "pressure_vapour", "pressure_middle", "pressure_bottom", "pressure_suction", "pressure_discharge"),
    ),
    (gettext_lazy("Quantity"), ("mass", "density_obs", "density_ref", "vcf", "ctl")),
    (gettext_lazy("Motor"), ("current", "power", "running_hours")),
)
MOVEMENT = ("movement", "movement_from", "movement_to", "movement_planned", "movement_done", "movement_finish")
# Shown elsewhere on the page: in the head, in the table of limits, and under the movement.
_ELSEWHERE = frozenset({"product", "lim_hh", "lim_h", "lim_l", "lim_ll", *MOVEMENT})
# Of a unit these stand beside its drawing, not in a group below.
_UNIT_TILES = ("run", "mode", "setpoint", "pressure_discharge", "pressure_suction", "speed")
# What a gauge says of itself when its figures are not measured now; the rest is the source's own word.
_GAUGE_WORDS = {
    "manual": gettext_lazy("Entered by hand: these figures are not measured."),
    "simulated": gettext_lazy("Simulated: these figures are not of this tank."),
}
_MEASURED_VOLUMES = frozenset({"tov", "fwv", "gov", "gsv", "nsv", "available_room", "pumpable", "mass"})


@dataclass(frozen=True)
class ShownGroup:
    name: str | Promise
    values: tuple[ShownValue, ...]
    volumes: bool = False


@dataclass(frozen=True)
class ShownLimit:
    """A row of the limits table; ``time`` is how long until the level gets there at the present rate.

    An empty tank has no letters.
    """

    key: str
    letters: str
    word: str | Promise
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
    movement: tuple[ShownValue, ...] = ()
    plan_time: str = ""
    has_plan: bool = False  # the source gives planned and moved quantities
    next: ShownNext = NOTHING_AHEAD
    stuck: bool = False
    gauge: ShownValue | None = None
    setpoint: ShownValue | None = None
    tiles: tuple[ShownValue, ...] = ()  # of a unit: what is looked at first beside its main value
    previous: Neighbour | None = None
    following: Neighbour | None = None

    @property
    def stale(self) -> bool:
        return self.main is None or self.main.stale

    @property
    def gauge_words(self) -> str | Promise:
        """A sentence when the figures are entered by hand or simulated; empty when they are measured or not known."""
        return "" if self.gauge is None else _GAUGE_WORDS.get(self.gauge.text.casefold(), "")

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
    is_tank = asset.kind == "tank"
    level = catalog.tag_of(asset.id, "level") if is_tank else None
    product, water, setpoint = of("product"), of("water_level"), of("setpoint")
    stale = main is None or main.stale
    tags = catalog.tags_of(asset.id)
    beside = [] if is_tank else [t for canon in _UNIT_TILES for t in tags if t.canon == canon and t is not tag]
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
            level if is_tank else tag,
            main.number if main else None,
            DRAWING_FRAME,
            catalog.tag_of(asset.id, "water_level") if is_tank else None,
            water.number if water else None,
            code=int(main.code or 0) if main else 0,
            setpoint=None if is_tank else catalog.tag_of(asset.id, "setpoint"),
            setpoint_value=setpoint.number if setpoint else None,
            units=scene.units,
        ),
        rate=show_rate(state, level, scene.units),
        groups=_groups([tag for tag in tags if tag not in beside], shown, main),
        tiles=tuple(shown[tag.id] for tag in beside),
        limits=_limits(level, state, scene.units, stale=stale),
        working_range=_working_range(level, scene.units),
        movement=tuple(value for canon in MOVEMENT if (value := of(canon)) is not None),
        plan_time=duration_text(state.to["plan"]) if "plan" in state.to and not stale else "",
        has_plan=of("movement_planned") is not None and of("movement_done") is not None,
        next=show_next(state, stale=stale),
        stuck=state.stuck,
        gauge=of("gauge_status"),
        setpoint=setpoint,
        previous=before,
        following=after,
    )


def _groups(
    tags: Sequence[CatalogTag], shown: Mapping[str, ShownValue], main: ShownValue | None
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
        groups.append(ShownGroup(gettext("Other"), tuple(shown[tag.id] for tag in left)))
    return tuple(groups)


def _limits(level: CatalogTag | None, state: AssetState, units: str, *, stale: bool) -> tuple[ShownLimit, ...]:
    """A forecast from a level that is not known to be so now is none."""
    if level is None:
        return ()
    rows = []
    shown = shown_tag(level, units)
    for key in ("hh", "h", "l", "ll", "empty"):
        value = 0.0 if key == "empty" else getattr(level.lim, key, None)
        if value is not None:
            time = duration_text(state.to[key]) if key in state.to and not stale else ""
            letters, word = ("", limit_letters(key)) if key == "empty" else (key.upper(), LIMIT_WORDS[key])
            rows.append(ShownLimit(key, letters, word, shown.text(value), shown.unit, time))
    return tuple(rows)


def _working_range(level: CatalogTag | None, units: str) -> str:
    """``2.000 to 13.500 m``: between the low and the high limit; empty unless both exist."""
    limits: Limits | None = None if level is None else level.lim
    if level is None or limits is None or limits.l is None or limits.h is None:
        return ""
    shown = shown_tag(level, units)
    low, high = shown.text(limits.l), shown.text(limits.h)
    unit = apart(shown.unit)
    text = gettext("{low} to {high} {unit}").format(low=low, high=high, unit=unit).rstrip()
    return text.replace(f"{high} {unit}", f"{high}{NO_BREAK}{unit}") if unit else text


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
