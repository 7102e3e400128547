"""Which tags are asked for together: units made of groups and tags. Calculated from the configuration.

A group without ``{id}`` is one unit (or one for each ``batch`` of ids); a group with ``{id}`` is one unit a tag.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import quote

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.rest.fields import Fields, check_quality
from relay_bridge.agent.drivers.rest.pointers import parse_pointer
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.templates import MAX_PATH, check_template, fill_path, fill_pointer
from relay_bridge.agent.drivers.rest.units import HEARTBEAT, RestTag, Unit

# What ``{...}`` stands for, from what stands behind the # of a node.
PlaceValues = Callable[[str], Mapping[str, str]]


def id_values(place: str) -> Mapping[str, str]:
    return {"id": place}


def split_node(node: str, groups: Mapping[str, RestGroup], where: str) -> tuple[RestGroup, str]:
    """Group and place of a node; ``SettingsError`` when there is no such group."""
    name, hash_, place = node.partition("#")
    group = groups.get(name)
    if not hash_ or group is None:
        known = ", ".join(groups) or "none"
        raise SettingsError(f"{where}: write its node as GROUP#PLACE; the groups are {known}")
    return group, place


def make_units(
    groups: Sequence[RestGroup],
    tags: Iterable[RestTag],
    heartbeat: str | None = None,
    place_values: PlaceValues = id_values,
) -> tuple[list[Unit], Unit | None]:
    """Every unit that has a tag, and the one that has the heartbeat. ``SettingsError`` names what cannot be."""
    by_id: dict[str, RestGroup] = {}
    names = sorted(place_values("x"))
    for group in groups:
        if group.id in by_id:
            raise SettingsError(f'the group "{group.id}" is configured twice')
        _check_group(group, names)
        by_id[group.id] = group
    maker = _Maker(place_values)
    for tag in tags:
        group, place = split_node(tag.node, by_id, f'tag "{tag.id}"')
        maker.add(group, place, tag, f'tag "{tag.id}"')
    beating = None
    if heartbeat is not None:
        group, place = split_node(heartbeat, by_id, "heartbeat")
        beating = maker.add(group, place, None, "heartbeat")
    return maker.units, beating


class _Maker:
    """Puts tags into units, in the order of the configuration."""

    def __init__(self, place_values: PlaceValues) -> None:
        self.units: list[Unit] = []
        self._values = place_values
        self._open: dict[tuple[str, str], Unit] = {}
        self._filling: dict[str, tuple[Unit, int]] = {}  # by group: the newest unit, and how many ids it asks for

    def add(self, group: RestGroup, place: str, tag: RestTag | None, where: str) -> Unit:
        try:
            unit = self._unit(group, place)
            name = tag.id if tag is not None else HEARTBEAT
            if group.rows is not None:
                unit.row_ids[name] = place
            else:
                unit.places[name] = () if unit.is_single else parse_pointer(place)
        except SettingsError as error:
            raise SettingsError(f"{where}: {error}") from None
        if tag is not None:
            unit.tags[tag.id] = tag
        return unit

    def _unit(self, group: RestGroup, place: str) -> Unit:
        values = self._values(place) if "{" in group.path else {}
        path = fill_path(group.path, values)
        if group.ids is not None:
            return self._batch(group, place, path)
        # Two tags may stand in one entity: same request, same unit, unless their pointers differ.
        key = (group.id, repr((path, sorted(values.items()))))
        unit = self._open.get(key)
        if unit is None:
            unit = self._open[key] = self._new(group, path, values)
        return unit

    def _batch(self, group: RestGroup, place: str, path: str) -> Unit:
        """The unit that asks for this id, or the newest one of the group while it has room."""
        unit = self._open.get((group.id, place))
        if unit is not None:
            return unit
        asked = f"{group.ids}={quote(place, safe='')}"
        unit, count = self._filling.get(group.id, (None, 0))
        if unit is None or count >= group.batch or len(unit.path) + len(asked) >= MAX_PATH:
            unit, count = self._new(group, path + ("&" if "?" in path else "?") + asked, {}), 0
        else:
            unit.path += f"&{asked}"
        self._filling[group.id] = (unit, count + 1)
        self._open[group.id, place] = unit
        return unit

    def _new(self, group: RestGroup, path: str, values: Mapping[str, str]) -> Unit:
        unit = Unit(group, path, Fields(group, values, group.max_age_s))
        self.units.append(unit)
        return unit


def _check_group(group: RestGroup, names: Sequence[str]) -> None:
    where = f'group "{group.id}"'
    check_template(group.path, f"{where}: path", may=names)
    if (group.rows is None) != (group.row_id is None):
        raise SettingsError(f"{where}: rows and row_id go together")
    if group.ids is not None and group.rows is None:
        raise SettingsError(f"{where}: ids needs rows and row_id, which say whose value is whose")
    if "{" in group.path and group.rows is not None:
        raise SettingsError(f"{where}: a path with a placeholder asks for one tag, so it has no rows")
    if (group.body is not None) != (group.method == "POST"):
        raise SettingsError(f'{where}: body and method = "POST" go together')
    if group.max_age_s is not None and group.time is None:
        raise SettingsError(f"{where}: max_age_s needs time")
    check_quality(group.quality, group.quality_as, group.quality_map, where)
    for pointer in (group.rows, group.row_id, group.value, group.time, group.quality):
        if pointer is not None:
            parse_pointer(fill_pointer(pointer, {}))
