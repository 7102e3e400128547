"""Tags and assets in effect: every ``[[tag]]`` and every tag that a ``[[tank]]`` stands for, checked and in order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from relay_bridge.agent.config_file import AnySource, GaugeWord, MemorySource, Severities, TagSection, TankSection
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.units import spelled
from relay_bridge.agent.vocabulary import CANON, Kind, unit_trouble
from relay_bridge.contract.messages import ID_PATTERN, MAX_ID, Limits

MAX_TAGS = 20_000  # at one site; of these one OPC UA connection is good for 2 000 that change every second
MAX_AREA_BYTES = 16 * 1024  # the names of all areas leave in one message, beside other rows
_ID = re.compile(ID_PATTERN)
GAUGE = "gauge_status"
AssetKind = Literal["tank", "pump", "unit"]


@dataclass(frozen=True)
class TagConfig:
    """One tag. ``None`` in unit, decimals or span: not said here, so the source or the usual value decides."""

    id: str
    source: str
    node: str
    asset: str
    name: str
    kind: Kind
    canon: str = ""
    unit: str | None = None
    decimals: int | None = None
    span: tuple[float, float] | None = None
    deadband: float = 0.0
    limits: Limits | None = None
    hysteresis: float | None = None  # with the next two: of the agent's own limit alarms (alarms/limit_rules.py)
    delay_s: float = 0.0
    severity: Severities = field(default_factory=Severities)
    enums: dict[str, str] | None = field(default=None, hash=False)
    gauge: dict[str, GaugeWord] | None = field(default=None, hash=False)  # of a gauge_status (gauges.py)


@dataclass(frozen=True)
class AssetConfig:
    """A tank, a pump or another unit, standing in an area."""

    id: str
    name: str
    area: str
    kind: AssetKind


def resolve_tags(
    sources: Sequence[AnySource],
    tags: Sequence[TagSection],
    tanks: Sequence[TankSection],
    *,
    may_be_none: bool = False,
) -> tuple[tuple[TagConfig, ...], tuple[AssetConfig, ...]]:
    """What is configured one by one; ``ConfigError`` names the first entry that cannot be."""
    by_id = {source.id: source for source in sources}
    _unique("source", (source.id for source in sources))
    _unique("tank", (tank.id for tank in tanks))
    assets: dict[str, AssetConfig] = {
        tank.id: AssetConfig(tank.id, tank.name or tank.id, tank.area, tank.kind) for tank in tanks
    }
    resolved = [tag for tank in tanks for tag in _tank_tags(tank, by_id)]
    told: set[str] = set()
    for section in tags:
        tag = _single_tag(section, by_id)
        resolved.append(tag)
        _place(tag, section, assets, told)
    if not resolved and not may_be_none:
        raise ConfigError("No tags are configured: add [[tank]] or [[tag]] entries.")
    check_all(resolved, assets.values())
    return tuple(resolved), tuple(assets.values())


def check_all(tags: Sequence[TagConfig], assets: Iterable[AssetConfig]) -> None:
    """The bounds of a whole site; ``ConfigError``."""
    _unique("tag", (tag.id for tag in tags))
    if len(tags) > MAX_TAGS:
        raise ConfigError(f"{len(tags)} tags are configured; one agent serves at most {MAX_TAGS}.")
    if sum(len(area.encode()) for area in {asset.area for asset in assets}) > MAX_AREA_BYTES:
        raise ConfigError(f"The names of all areas together may have {MAX_AREA_BYTES} bytes: use fewer areas.")


def _tank_tags(tank: TankSection, sources: Mapping[str, AnySource]) -> Iterable[TagConfig]:
    where = f'[[tank]] "{tank.id}"'
    source = _source(where, tank.source, sources)
    for table, keys in _tables(tank):
        stray = sorted(set(keys) - tank.map.keys())
        if stray:
            raise ConfigError(f'{where}: {table} speaks of "{stray[0]}", which is not in its map.')
    for key in tank.map:
        if key not in CANON:
            raise ConfigError(f'{where}: "{key}" is no canonical key; put it in a [[tag]] with asset = "{tank.id}".')
    if tank.limits is not None and "level" not in tank.map:
        raise ConfigError(f'{where}: limits belong to the level, and "level" is not in its map.')
    if tank.gauge is not None and GAUGE not in tank.map:
        raise ConfigError(f'{where}: gauge says what a "{GAUGE}" means, and that is not in its map.')
    for key, suffix in tank.map.items():
        canon = CANON[key]
        limits = tank.limits if key == "level" else None
        yield TagConfig(
            id=_tag_id(where, f"{tank.id}.{key}"),
            source=source.id,
            node=tank.prefix + suffix,
            asset=tank.id,
            name=canon.name,
            kind=canon.kind,
            canon=key,
            unit=_unit(where, key, tank.unit.get(key)),
            decimals=tank.decimals.get(key),
            span=_span(where, key, tank.range.get(key)),
            deadband=tank.deadband.get(key, 0.0),
            limits=_limits(where, limits),
            hysteresis=tank.hysteresis,
            delay_s=tank.delay_s,
            severity=tank.severity,
            enums=tank.enums.get(key),
            gauge=tank.gauge if key == GAUGE else None,
        )


def _tables(tank: TankSection) -> Iterable[tuple[str, dict[str, Any]]]:
    yield "unit", tank.unit
    yield "decimals", tank.decimals
    yield "range", tank.range
    yield "deadband", tank.deadband
    yield "enums", tank.enums


def _single_tag(section: TagSection, sources: Mapping[str, AnySource]) -> TagConfig:
    where = f'[[tag]] "{section.id}"'
    source = _source(where, section.source, sources)
    if section.node is None and not isinstance(source, MemorySource):
        raise ConfigError(f'{where}: lacks the key "node", its place at the source.')
    if section.canon and section.canon not in CANON:
        raise ConfigError(f'{where}: canon "{section.canon}" is no canonical key; leave it out or see docs/agent.md.')
    if section.gauge is not None and section.canon != GAUGE:
        raise ConfigError(f'{where}: gauge belongs to a tag with canon = "{GAUGE}".')
    canon = CANON.get(section.canon)
    asset, dot, last = section.id.rpartition(".")
    return TagConfig(
        id=section.id,
        source=source.id,
        node=section.node or section.id,
        asset=section.asset or (asset if dot else section.id),
        name=section.name or (canon.name if canon else last),
        kind=section.kind or (canon.kind if canon else "number"),
        canon=section.canon,
        unit=_unit(where, section.canon, section.unit),
        decimals=section.decimals,
        span=_span(where, "range", section.range),
        deadband=section.deadband,
        limits=_limits(where, section.limits),
        hysteresis=section.hysteresis,
        delay_s=section.delay_s,
        severity=section.severity,
        enums=section.enums,
        gauge=section.gauge,
    )


def _place(tag: TagConfig, section: TagSection, assets: dict[str, AssetConfig], told: set[str]) -> None:
    """Give a single tag's asset its place; the first entry that names an area decides, others must agree.

    What has a level is a tank, unless somebody ``told`` what it is.
    """
    known = assets.get(tag.asset)
    if known is not None and section.area not in {None, known.area}:
        raise ConfigError(f'[[tag]] "{tag.id}": area "{section.area}" differs from "{known.area}" of {tag.asset}.')
    if known is None:
        if section.area is None:
            raise ConfigError(f'[[tag]] "{tag.id}": lacks the key "area", which says where {tag.asset} stands.')
        assets[tag.asset] = AssetConfig(
            tag.asset, section.asset_name or tag.asset, section.area, section.asset_kind or "unit"
        )
    placed = assets[tag.asset]
    if section.asset_name not in {None, placed.name} or section.asset_kind not in {None, placed.kind}:
        raise ConfigError(f'[[tag]] "{tag.id}": another entry calls {tag.asset} {placed.name} and a {placed.kind}.')
    if section.asset_kind is not None:
        told.add(tag.asset)
    if tag.canon == "level" and placed.kind == "unit" and tag.asset not in told:
        assets[tag.asset] = AssetConfig(placed.id, placed.name, placed.area, "tank")


def _source(where: str, name: str, sources: Mapping[str, AnySource]) -> AnySource:
    try:
        return sources[name]
    except KeyError:
        raise ConfigError(f'{where}: its source "{name}" is not configured as a [[source]].') from None


def _tag_id(where: str, tag: str) -> str:
    if len(tag) > MAX_ID or not _ID.match(tag):
        raise ConfigError(f'{where}: "{tag[:MAX_ID]}" cannot be a tag id (letters, digits, dot, dash, underscore).')
    return tag


def _unit(where: str, key: str, unit: str | None) -> str | None:
    """In the one spelling; a level in degrees would be shown as a level."""
    if unit is None:
        return None
    trouble = unit_trouble(key, unit)
    if trouble:
        raise ConfigError(f"{where}: unit {trouble}.")
    return spelled(unit)


def _span(where: str, key: str, span: tuple[float, float] | None) -> tuple[float, float] | None:
    if span is not None and not (math.isfinite(span[0]) and math.isfinite(span[1]) and span[0] < span[1]):
        raise ConfigError(f"{where}: {key} must be [low, high] with low below high.")
    return span


def _limits(where: str, limits: Limits | None) -> Limits | None:
    """Limits must rise from low-low to high-high: a swapped pair would alarm on the wrong side."""
    if limits is None:
        return None
    given = [value for value in (limits.ll, limits.l, limits.h, limits.hh) if value is not None]
    if not all(math.isfinite(value) for value in given) or given != sorted(given):
        raise ConfigError(f"{where}: limits must rise in the order ll, l, h, hh.")
    return limits if given else None


def _unique(what: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for id_ in ids:
        if id_ in seen:
            raise ConfigError(f'The {what} "{id_}" is configured twice.')
        seen.add(id_)
