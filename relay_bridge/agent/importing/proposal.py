"""What was recognised as entries of site.toml: [[template]], [[tank]] and [[tag]], beside what is configured already.

What a tank shares with others goes into a template. Nothing that is configured is proposed again, no id is given
twice, and nothing is ever proposed to be written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.importing.names import MAX_ASSET, Taken, clean_name, id_from
from relay_bridge.agent.importing.recognise import FoundAsset, Recognition
from relay_bridge.agent.tags import MAX_AREA_BYTES, MAX_TAGS, AssetConfig, TagConfig
from relay_bridge.agent.templates import PLACE
from relay_bridge.agent.units import spelled

MAX_UNIT = 20  # characters, as in site.toml
_END_OF_PREFIX: Final = re.compile(r"[./|:=_]")
Facts = dict[str, Any]


@dataclass
class Proposal:
    """Entries in the order in which they are written. ``left``: variables that got no entry."""

    templates: list[Facts] = field(default_factory=list)
    tanks: list[Facts] = field(default_factory=list)
    tags: list[Facts] = field(default_factory=list)
    left: list[FoundNode] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    known: int = 0  # variables that are configured already

    @property
    def count(self) -> int:
        """How many tags the entries stand for."""
        maps = {template["name"]: len(template["map"]) for template in self.templates}
        return len(self.tags) + sum(
            len(tank["map"]) if "map" in tank else maps[tank["template"]] for tank in self.tanks
        )


def propose(
    recognition: Recognition,
    source: str,
    *,
    area: str,
    tags: Sequence[TagConfig] = (),
    assets: Sequence[AssetConfig] = (),
    templates: Iterable[str] = (),
) -> Proposal:
    """Entries for ``source``. ``area``: of what lies in no folder; ``tags``, ``assets`` and names of ``templates``:
    what is configured."""
    proposal = Proposal(left=list(recognition.loose), remarks=list(recognition.remarks))
    maker = _Maker(proposal, source, area, tags, assets)
    for found in recognition.assets:
        maker.take(found)
    maker.finish(Taken(templates))
    return proposal


class _Maker:
    def __init__(
        self, proposal: Proposal, source: str, area: str, tags: Sequence[TagConfig], assets: Sequence[AssetConfig]
    ) -> None:
        self._proposal = proposal
        self._source = source
        self._area = area
        self._by_node = {tag.node: tag for tag in tags if tag.source == source}
        self._canons = {(tag.asset, tag.canon) for tag in tags if tag.canon}
        self._ids = Taken(tag.id for tag in tags)
        self._assets = Taken(asset.id for asset in assets)
        self._area_bytes = {asset.area: len(asset.area.encode()) for asset in assets}
        self._room = MAX_TAGS - len(tags)
        self._full = 0

    def take(self, found: FoundAsset) -> None:
        """One asset: a [[tank]] for its canonical keys, a [[tag]] for each of its other variables."""
        nodes = [*found.keys.values(), *found.others]
        before = {self._by_node[node.node].asset for node in nodes if node.node in self._by_node}
        self._proposal.known += sum(node.node in self._by_node for node in nodes)
        keys = {key: node for key, node in found.keys.items() if node.node not in self._by_node}
        if before:
            asset = min(before)
            for key, node in keys.items():
                self._tag(asset, node, key if (asset, key) not in self._canons else "")
        elif keys and self._fits(len(keys)):
            asset = self._assets.give(id_from(found.name, MAX_ASSET), MAX_ASSET)
            self._proposal.tanks.append(self._tank(asset, found, keys))
        else:
            self._proposal.left += keys.values()
            return
        for node in found.others:
            if node.node not in self._by_node:
                self._tag(asset, node, "")

    def finish(self, templates: Taken) -> None:
        """Share what tanks have in common, and tell who got another name."""
        _share(self._proposal, templates)
        said = self._proposal.remarks
        said += [f'The asset "{a}" stands there more than once; one is {b} now.' for a, b in self._assets.numbered]
        said += [f'The tag "{a}" stands there more than once; one is {b} now.' for a, b in self._ids.numbered]
        if self._full:
            said.append(f"{self._full} variables were left out: one agent serves at most {MAX_TAGS} tags.")

    def _tank(self, asset: str, found: FoundAsset, keys: dict[str, FoundNode]) -> Facts:
        prefix = _prefix([node.node for node in keys.values()])
        facts: Facts = {"id": asset, "source": self._source, "area": self._place(found.area)}
        name = clean_name(found.name)
        if name and name != asset:
            facts["name"] = name
        if found.kind != "tank":
            facts["kind"] = found.kind
        if prefix:
            facts["prefix"] = prefix
        facts["map"] = {key: node.node[len(prefix) :] for key, node in keys.items()}
        for key in keys:
            self._ids.give(f"{asset}.{key}")
        facts |= _tables(keys)
        return facts

    def _tag(self, asset: str, node: FoundNode, canon: str) -> None:
        if not self._fits(1):
            self._proposal.left.append(node)
            return
        leaf = node.path.rpartition("/")[2]
        wanted = f"{asset}.{canon or id_from(leaf, 40)}"
        facts: Facts = {"id": self._ids.give(wanted), "source": self._source, "node": node.node, "asset": asset}
        if canon:
            facts["canon"] = canon
            self._canons.add((asset, canon))
        else:
            name = clean_name(leaf)
            if name:
                facts["name"] = name
            if node.kind != "number":
                facts["kind"] = node.kind
        unit, span = _unit(node), _span(node)
        if unit:
            facts["unit"] = unit
        if span:
            facts["range"] = span
        self._proposal.tags.append(facts)

    def _place(self, area: str) -> str:
        """The area's name, within what all areas together may be."""
        name = clean_name(area) or self._area
        if name not in self._area_bytes:
            if sum(self._area_bytes.values()) + len(name.encode()) > MAX_AREA_BYTES // 2:
                name = self._area
            self._area_bytes[name] = len(name.encode())
        return name

    def _fits(self, count: int) -> bool:
        if count > self._room:
            self._full += count
            return False
        self._room -= count
        return True


def _tables(keys: dict[str, FoundNode]) -> Facts:
    units = {key: unit for key, node in keys.items() if (unit := _unit(node))}
    spans = {key: span for key, node in keys.items() if (span := _span(node))}
    return {name: table for name, table in (("unit", units), ("range", spans)) if table}


def _unit(node: FoundNode) -> str:
    unit = spelled(node.unit)
    return unit if node.kind == "number" and len(unit) <= MAX_UNIT else ""


def _span(node: FoundNode) -> list[float] | None:
    low, high = node.low, node.high
    if node.kind != "number" or low is None or high is None:
        return None
    return [low, high] if math.isfinite(low) and math.isfinite(high) and low < high else None


def _prefix(nodes: Sequence[str]) -> str:
    """What all nodes begin with, up to a separator, so that something is left of each."""
    first, last = min(nodes), max(nodes)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    common = first[: min(same, min(map(len, nodes)) - 1)]
    ends = [match.end() for match in _END_OF_PREFIX.finditer(common)]
    return common[: ends[-1]] if ends else ""


# --- templates -----------------------------------------------------------------------------------------------


def _share(proposal: Proposal, names: Taken) -> None:
    """Two tanks or more with the same map and units become a template and what is their own."""
    alike: dict[str, list[Facts]] = {}
    for tank in proposal.tanks:
        alike.setdefault(repr(_shape(tank)), []).append(tank)
    for tanks in alike.values():
        if len(tanks) < 2:
            continue
        template = _template(names.give(f"imported-{tanks[0].get('kind', 'tank')}"), tanks)
        proposal.templates.append(template)
        for tank in tanks:
            _shorten(tank, template)


def _shape(tank: Facts) -> Any:
    return list(tank["map"].items()), list(tank.get("unit", {}).items()), tank.get("kind")


def _pattern(tank: Facts) -> str:
    """The prefix with the place of the tank's id, where it holds it."""
    prefix = str(tank.get("prefix", ""))
    return prefix if PLACE in prefix else prefix.replace(tank["id"], PLACE)


def _template(name: str, tanks: Sequence[Facts]) -> Facts:
    first, *rest = tanks
    template: Facts = {"name": name}
    if "kind" in first:
        template["kind"] = first["kind"]
    pattern = _pattern(first)
    # A prefix that holds the place by itself is not for a template: it would be filled in.
    if pattern and all(_pattern(tank) == pattern and PLACE not in str(tank.get("prefix", "")) for tank in tanks):
        template["prefix"] = pattern
    template["map"] = first["map"]
    if "unit" in first:
        template["unit"] = first["unit"]
    spans = {
        key: span
        for key, span in first.get("range", {}).items()
        if all(other.get("range", {}).get(key) == span for other in rest)
    }
    if spans:
        template["range"] = spans
    return template


def _shorten(tank: Facts, template: Facts) -> None:
    shared = template.get("range", {})
    own = {key: span for key, span in tank.pop("range", {}).items() if key not in shared}
    for key in ("map", "unit", "kind"):
        tank.pop(key, None)
    if "prefix" in template:
        tank.pop("prefix", None)
    tank["template"] = template["name"]
    if own:
        tank["range"] = own
