"""What can honestly be said of a tank from its catalog and its readings: alarm, movement, rate, times to the limits.

Pure: no clock, no I/O. Nothing is invented: what the tags do not carry is ``None`` or ``unknown``. Volumes, room and
pumpable are read from the gauging system, never calculated. Whether the readings are *fresh* is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hmi.sites.catalog import Catalog
from hmi.sites.units import Rate, length_rate, shown_length_unit, volume_rate, volume_unit
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import Reading, held_constant

AlarmState = Literal["", "LL", "L", "H", "HH"]
Movement = Literal["receiving", "discharging", "still", "unknown"]

STILL_SHARE = 0.001  # of the far end of the tag's range: up to there a flow or level rate counts as standing still
STILL_FLOW = 0.5  # of the flow's own unit, when the tag has no range
STILL_LEVEL_RATE = 0.5  # mm/min, when the tag has no range
MIN_FILLED_SHARE = 0.05  # of the level's range: below it volume / level says nothing of the cross-section
MAX_TIME = 48 * 60.0  # minutes; further ahead "at present rate" is no forecast any more


@dataclass(frozen=True)
class AssetState:
    """Derived state of one asset.

    ``doubtful``: limits exist but the level is missing or not good, so ``alarm`` is the last known one or nothing.
    ``rate`` is the level's, in ``rate_unit``, positive when rising; ``rate_basis`` says what it rests on.
    ``to`` has minutes until ``h``, ``hh``, ``l``, ``ll`` and ``empty`` (level 0) at the present rate, for what is ahead
    in this direction only; and until ``plan``, the planned quantity of a movement, at the present flow.
    ``stuck``: product flows and the source says that the level is held constant: the gauge does not follow the tank.
    """

    alarm: AlarmState = ""
    doubtful: bool = False
    stuck: bool = False
    move: Movement = "unknown"
    rate: float | None = None
    rate_unit: str = ""
    rate_basis: Literal["", "level_rate", "flow"] = ""
    to: Mapping[str, float] = field(default_factory=dict)
    room: float | None = None
    pumpable: float | None = None

    def as_wire(self) -> dict[str, Any]:
        """The state as it travels to a phone: what there is nothing to say of is left out."""
        wire: dict[str, Any] = {"alarm": self.alarm, "move": self.move}
        if self.doubtful:
            wire["doubtful"] = True
        if self.stuck:
            wire["stuck"] = True
        if self.rate is not None:
            wire |= {"rate": round(self.rate, 2), "rate_unit": self.rate_unit, "rate_basis": self.rate_basis}
        if self.to:
            wire["to"] = {limit: round(minutes, 1) for limit, minutes in self.to.items()}
        for name in ("room", "pumpable"):
            if getattr(self, name) is not None:
                wire[name] = getattr(self, name)
        return wire


def asset_state(catalog: Catalog, asset_id: str, readings: Mapping[str, Reading]) -> AssetState:
    """The derived state of ``asset_id`` from the ``readings`` by tag id; an unknown asset has the empty state."""
    values = _Values(catalog, asset_id, readings)
    alarm, doubtful = alarm_state(values.tag("level"), values.reading("level"))
    move, rate = _movement(values), _level_rate(values)
    level = values.reading("level")
    stuck = level is not None and held_constant(level.quality) and move in {"receiving", "discharging"}
    return AssetState(
        alarm=alarm,
        doubtful=doubtful or (stuck and bool(alarm)),
        stuck=stuck,
        move=move,
        rate=rate.value if rate else None,
        rate_unit=rate.unit if rate else "",
        rate_basis=("level_rate" if values.tag("level_rate") else "flow") if rate else "",
        to=({} if stuck else _times_to_limits(values, rate, move)) | _time_to_plan(values),
        room=values.good("available_room"),
        pumpable=values.good("pumpable"),
    )


def alarm_state(level: CatalogTag | None, reading: Reading | None) -> tuple[AlarmState, bool]:
    """The level against its limits, and whether that is doubtful.

    A bad reading does not clear an alarm: with a last value the state is that value's, marked doubtful.
    """
    if level is None or level.lim is None:
        return "", False
    value = None if reading is None else _number(reading.value)
    if reading is None or value is None:
        return "", True
    return _against(level, value), reading.quality_class != "good"


def _against(level: CatalogTag, value: float) -> AlarmState:
    limits = level.lim
    assert limits is not None  # noqa: S101 - the caller looked
    if limits.hh is not None and value >= limits.hh:
        return "HH"
    if limits.ll is not None and value <= limits.ll:
        return "LL"
    if limits.h is not None and value >= limits.h:
        return "H"
    if limits.l is not None and value <= limits.l:
        return "L"
    return ""


class _Values:
    """One asset's tags by their word in the tank vocabulary, with good values only where a sum is made."""

    def __init__(self, catalog: Catalog, asset_id: str, readings: Mapping[str, Reading]) -> None:
        self._catalog, self._asset, self._readings = catalog, asset_id, readings

    def tag(self, canon: str) -> CatalogTag | None:
        return self._catalog.tag_of(self._asset, canon)

    def reading(self, canon: str) -> Reading | None:
        tag = self.tag(canon)
        return None if tag is None else self._readings.get(tag.id)

    def good(self, canon: str) -> float | None:
        reading = self.reading(canon)
        if reading is None or reading.quality_class != "good":
            return None
        return _number(reading.value)


def _movement(values: _Values) -> Movement:
    """From the flow's sign (into the tank is positive), else from the level rate's, with a deadband for "still"."""
    for canon, default in (("flow", STILL_FLOW), ("level_rate", STILL_LEVEL_RATE)):
        tag, value = values.tag(canon), values.good(canon)
        if tag is None or value is None:
            continue
        if not _reach(tag) and canon == "level_rate":
            in_mm = length_rate(value, tag.unit, "mm")
            if in_mm is None:
                continue
            value = in_mm.value
        if _stands(tag, value, default):
            return "still"
        return "receiving" if value > 0 else "discharging"
    return "unknown"


def _stands(tag: CatalogTag, value: float, default: float) -> bool:
    """Whether a flow or a level rate is within the deadband of standing still; ``default`` without a range."""
    return abs(value) <= (_reach(tag) * STILL_SHARE or default)


def _reach(tag: CatalogTag) -> float:
    return max(abs(tag.lo or 0.0), abs(tag.hi or 0.0))


def _level_rate(values: _Values) -> Rate | None:
    """How fast the level moves.

    From a ``level_rate`` tag when there is one. Else  rate = flow / A  with the mean cross-section  A = TOV / level:
    exact for an upright cylinder on its datum plate, an estimate otherwise, and not given for a nearly empty tank.
    """
    level = values.tag("level")
    if level is None:
        return None
    unit = shown_length_unit(level.unit)
    rate_tag, measured = values.tag("level_rate"), values.good("level_rate")
    if rate_tag is not None:
        return None if measured is None else length_rate(measured, rate_tag.unit, unit)
    flow_tag, volume_tag = values.tag("flow"), values.tag("tov")
    flow, volume, height = values.good("flow"), values.good("tov"), values.good("level")
    if flow_tag is None or volume_tag is None or flow is None or volume is None or height is None:
        return None
    span = _span(level)
    if volume <= 0 or height <= 0 or span is None or height < span * MIN_FILLED_SHARE:
        return None
    per_minute = volume_rate(flow, flow_tag.unit)  # m3/min
    content = volume_unit(volume_tag.unit)  # m3 in one of the tag's unit
    if per_minute is None or content is None:
        return None
    return length_rate(per_minute / (volume * content) * height, f"{level.unit}/min", unit)


def _times_to_limits(values: _Values, rate: Rate | None, move: Movement) -> dict[str, float]:
    """Minutes to each limit ahead, and to an empty tank:  t = (limit - level) / rate, at the present rate."""
    level_tag, level = values.tag("level"), values.good("level")
    if rate is None or move not in {"receiving", "discharging"} or level_tag is None:
        return {}
    per_minute = length_rate(rate.value, rate.unit, level_tag.unit)
    if level is None or per_minute is None or (per_minute.value > 0) != (move == "receiving") or per_minute.value == 0:
        return {}  # flow and level disagree on the direction: then no forecast is honest
    names = ("h", "hh") if move == "receiving" else ("l", "ll")
    ahead = {name: limit for name in names if (limit := getattr(level_tag.lim, name, None)) is not None}
    if move == "discharging":
        ahead["empty"] = 0.0
    times = {name: (limit - level) / per_minute.value for name, limit in ahead.items()}
    return {name: minutes for name, minutes in times.items() if 0 < minutes <= MAX_TIME}


def _time_to_plan(values: _Values) -> dict[str, float]:
    """Minutes until a movement has its planned quantity:  t = (planned - so far) / flow.

    Volumes only: a mass would need the density, which is not ours to guess. Nothing when the source gives no plan.
    """
    planned_tag, done_tag, flow_tag = (values.tag(c) for c in ("movement_planned", "movement_done", "flow"))
    planned, done, flow = (values.good(c) for c in ("movement_planned", "movement_done", "flow"))
    if planned_tag is None or done_tag is None or flow_tag is None or planned is None or done is None or flow is None:
        return {}
    planned_unit, done_unit = volume_unit(planned_tag.unit), volume_unit(done_tag.unit)
    per_minute = volume_rate(abs(flow), flow_tag.unit)
    if planned_unit is None or done_unit is None or not per_minute or _stands(flow_tag, flow, STILL_FLOW):
        return {}
    minutes = (planned * planned_unit - done * done_unit) / per_minute
    return {"plan": minutes} if 0 < minutes <= MAX_TIME else {}


def _span(tag: CatalogTag) -> float | None:
    if tag.lo is None or tag.hi is None or tag.hi <= tag.lo:
        return None
    return tag.hi - tag.lo


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
