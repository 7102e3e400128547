"""Whose alarm is it: from the node that a source names to the agent's tag, asset and area."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from relay_bridge.agent.tags import AssetConfig, TagConfig

_SEPARATORS = re.compile(r"[./|:]")  # between an object and what belongs to it, in the identifiers of most servers
_PREFIX = re.compile(r"(?:nsu=[^;]*;|ns=\d+;)?[isgb]=")
_FIRST_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MAX_STEPS = 12  # parents that are tried


class Place(NamedTuple):
    """Where an alarm belongs; empty where that is not known."""

    tag: str = ""
    asset: str = ""
    area: str = ""


class Places:
    """Looks up nodes by configuration: exactly, by the nodes around it, by the asset's name in the alarm's own."""

    def __init__(self, tags: Iterable[TagConfig], assets: Iterable[AssetConfig]) -> None:
        self._areas = {asset.id: asset.area for asset in assets}
        self._by_id: dict[str, Place] = {}
        # By node the tags that are read there: one figure of a source may stand for several assets (a common header).
        self._tags: dict[tuple[str, str], list[Place]] = {}
        self._parents: dict[tuple[str, str], str] = {}
        shared: set[tuple[str, str]] = set()
        for tag in tags:
            place = self._by_id[tag.id] = Place(tag.id, tag.asset, self._areas.get(tag.asset, ""))
            self._tags.setdefault((tag.source, tag.node), []).append(place)
            parent = _parent(tag.node)
            if parent:
                key = (tag.source, parent)
                if self._parents.setdefault(key, tag.asset) != tag.asset:
                    shared.add(key)  # a folder of several assets says nothing
        for key in shared:
            del self._parents[key]

    def find(self, source: str, node: str, name: str) -> Place:
        """``node`` as the configuration writes nodes (``nsu=URI;s=...``); ``name`` what the alarm is called.

        A node that several tags are read from says whose alarm it is only as far as they agree; its name says more.
        """
        at = node
        for _ in range(MAX_STEPS):
            if not at:
                break
            if (source, at) in self._tags:
                return self._one_of(self._tags[source, at], name)
            if (source, at) in self._parents:
                return self._of_asset(self._parents[source, at])
            at = _parent(at)
        return self._of_asset(self._named(name))

    def of_tag(self, tag: str) -> Place:
        """Of a tag by its id: what makes an alarm itself knows which one."""
        return self._by_id.get(tag, Place())

    def _one_of(self, places: list[Place], name: str) -> Place:
        if len(places) == 1:
            return places[0]
        asset = self._named(name)
        named = [place for place in places if place.asset == asset]
        if len(named) == 1:
            return named[0]
        assets = {place.asset for place in named or places}
        return self._of_asset(assets.pop()) if len(assets) == 1 else Place()

    def _named(self, name: str) -> str:
        """ "TK-101 level high", "TK-101.LevelAlarm": the longest asset that the name begins with; empty for none."""
        first = _FIRST_WORD.match(name)
        word = first[0] if first else ""
        while word and word not in self._areas:
            word = _parent(word)
        return word

    def _of_asset(self, asset: str) -> Place:
        return Place("", asset, self._areas.get(asset, ""))


def _parent(node: str) -> str:
    """What stands before the last separator of the identifier; nothing when there is none."""
    prefix = _PREFIX.match(node)
    start = prefix.end() if prefix else 0
    places = [match.start() for match in _SEPARATORS.finditer(node, start)]
    return node[: places[-1]] if places and places[-1] > start else ""
