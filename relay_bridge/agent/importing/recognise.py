"""What of the variables found at a server belongs to a tank or a pump, and what each is in the tank vocabulary.

A tank is a folder whose variables have a tank's names, or a common beginning of names (``TK101_Level``), or a folder
named like a tank with folders below it (``TK001/Primary/Product Level``). What is only likely is left out and said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.importing.synonyms import GENERIC, PUMP_KEYS, PUMP_ONLY, TANK_KEYS, folded, key_of
from relay_bridge.agent.vocabulary import CANON, unit_trouble

MAX_NODE = 500  # characters, as in site.toml
_TANK_NAME: Final = re.compile(r"(?:TK|TNK|TANK|T|V|TQ)[-_ .]?\d{1,5}[A-Z]?", re.IGNORECASE)
_PUMP_NAME: Final = re.compile(r"(?:P|PU|PMP|PUMP)[-_ .]?\d{1,5}[A-Z]?", re.IGNORECASE)
_BEGINNING: Final = re.compile(
    r"(?P<asset>(?:TK|TNK|TANK|T|V|TQ|P|PU|PMP|PUMP)[-_ ]?\d{1,5}[A-Z]?)[-._: ]+(?P<rest>.+)", re.IGNORECASE
)
_ENOUGH: Final = 3  # keys that make a tank of a folder whose name says nothing
Path = tuple[str, ...]


@dataclass
class FoundAsset:
    """A tank or a pump: its place, the variable of each canonical key, and its other variables."""

    path: Path
    kind: Literal["tank", "pump", "unit"]
    keys: dict[str, FoundNode] = field(default_factory=dict)
    others: list[FoundNode] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path[-1] if self.path else ""

    @property
    def area(self) -> str:
        return self.path[-2] if len(self.path) > 1 else ""


@dataclass
class Recognition:
    """``loose``: variables of no tank and no pump. ``remarks``: sentences on what was not taken as it seemed."""

    assets: list[FoundAsset] = field(default_factory=list)
    loose: list[FoundNode] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass
class _Claim:
    node: FoundNode
    name: str
    key: str = ""
    unsure: int = 0


def recognise(nodes: Iterable[FoundNode]) -> Recognition:
    """Sort ``nodes``. Their order does not matter: the same server gives the same result."""
    result = Recognition()
    groups: dict[Path, list[_Claim]] = {}
    methods = unusable = 0
    for node in sorted(nodes, key=lambda node: (node.path, node.node)):
        if node.kind == "method":
            methods += 1
        elif node.kind == "other" or len(node.node) > MAX_NODE or not node.node:
            unusable += 1
        else:
            owner, name = _owner(node)
            groups.setdefault(owner, []).append(_claim(node, name))
    for owner, claims in groups.items():
        kind = _kind(owner, {claim.key for claim in claims if claim.key})
        if kind == "unit":
            result.loose += [claim.node for claim in claims]
        else:
            result.assets.append(_asset(owner, kind, claims, result.remarks))
    if methods:
        result.remarks.append(f"{methods} methods were found; a command is written by hand, after thought.")
    if unusable:
        result.remarks.append(f"{unusable} variables are lists, structures or nameless and were left out.")
    return result


def key_for(node: FoundNode, name: str) -> tuple[str, int, str]:
    """The canonical key of a variable with this name, how unsure, and why it is none after all (a clause)."""
    found = key_of(name)
    if found is None:
        return "", 0, ""
    key, unsure = found
    kind = CANON[key].kind
    if node.kind != kind and not (kind == "text" and node.kind == "number"):
        return "", 0, f"its name says {key}, and it is a {node.kind}"
    trouble = unit_trouble(key, node.unit)
    return ("", 0, f"its name says {key}, but {trouble}") if trouble else (key, unsure, "")


def _claim(node: FoundNode, name: str) -> _Claim:
    key, unsure, _ = key_for(node, name)
    return _Claim(node, name, key, unsure)


def _owner(node: FoundNode) -> tuple[Path, str]:
    """The folder of the asset that a variable belongs to, and the variable's name within it."""
    segments = tuple(segment for segment in node.path.split("/") if segment) or (node.node,)
    folders, leaf = segments[:-1], segments[-1]
    named = [
        depth for depth, folder in enumerate(folders) if _TANK_NAME.fullmatch(folder) or _PUMP_NAME.fullmatch(folder)
    ]
    if named:
        inner = folders[named[-1] + 1 :]
        return folders[: named[-1] + 1], inner[-1] if inner and folded(leaf) in GENERIC else leaf
    beginning = _BEGINNING.fullmatch(leaf)
    if beginning is not None:
        return (*folders, beginning["asset"]), beginning["rest"]
    if len(folders) > 1 and folded(leaf) in GENERIC:
        return folders[:-1], folders[-1]
    return folders, leaf


def _kind(owner: Path, keys: set[str]) -> Literal["tank", "pump", "unit"]:
    name = owner[-1] if owner else ""
    tank, pump = keys & TANK_KEYS, keys & PUMP_ONLY
    if tank & {"level", "ullage"} and (_TANK_NAME.fullmatch(name) or len(tank) >= _ENOUGH):
        return "tank"
    if _TANK_NAME.fullmatch(name) and len(tank) >= 2 and not pump:
        return "tank"
    if pump and (_PUMP_NAME.fullmatch(name) or ("run" in pump and len(keys & PUMP_KEYS) >= _ENOUGH)):
        return "pump"
    return "unit"


def _asset(owner: Path, kind: Literal["tank", "pump"], claims: list[_Claim], remarks: list[str]) -> FoundAsset:
    asset = FoundAsset(owner, kind)
    allowed = TANK_KEYS if kind == "tank" else PUMP_KEYS
    best: dict[str, _Claim] = {}
    for claim in claims:
        if claim.key not in allowed:
            continue
        known = best.get(claim.key)
        if known is None or _order(claim) < _order(known):
            best[claim.key] = claim
    where = "/".join(owner)
    for claim in claims:
        if best.get(claim.key) is claim:
            asset.keys[claim.key] = claim.node
            continue
        asset.others.append(claim.node)
        if claim.key in best:
            remarks.append(f"{where}: {claim.name} could be {claim.key} too; {best[claim.key].name} was taken.")
        elif not claim.key and (why := key_for(claim.node, claim.name)[2]):
            remarks.append(f"{where}: {claim.name} is not taken for one: {why}.")
    asset.keys = {key: asset.keys[key] for key in CANON if key in asset.keys}
    return asset


def _order(claim: _Claim) -> tuple[int, int, str]:
    """The surest name, then the shallowest place."""
    return claim.unsure, claim.node.path.count("/"), claim.node.path
