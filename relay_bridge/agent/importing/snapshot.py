"""What a [[browse]] stands for, as a file: written by ``sightline-site import --browse``, read at every start.

So a start never depends on a server that is up, and a tag's id never changes by itself: an id is given to a node once
and kept for it when the snapshot is renewed. Globs and ``max`` are applied at the start, so they can be changed
without asking the server again. Nothing in a snapshot can be written: [[write]] does not see these tags.
"""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from re import Pattern
from re import compile as compile_pattern
from typing import Annotated

import msgspec
from msgspec import Meta

from relay_bridge.agent.config_file import AnySource, BrowseSection
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.files import write_whole
from relay_bridge.agent.importing.names import clean_name
from relay_bridge.agent.tags import MAX_AREA_BYTES, AssetConfig, AssetKind, TagConfig
from relay_bridge.agent.vocabulary import CANON, Kind
from relay_bridge.contract.messages import MAX_ID
from relay_bridge.contract.shape import ID_PATTERN

MAX_FILE = 64 * 1024 * 1024  # bytes
RENEW = "run: sightline-site import --browse --config {path}"
_Text = Annotated[str, Meta(min_length=1, max_length=1000)]
_Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID, pattern=ID_PATTERN)]
logger = logging.getLogger(__name__)


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variable: ``path`` below the root, joined with ``/``; ids as this agent gave them."""

    node: _Text
    path: str
    id: _Id
    asset: _Id
    kind: Kind
    canon: str = ""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One asset: where its folder is, and how it is shown."""

    path: str
    id: _Id
    name: Annotated[str, Meta(max_length=100)]
    area: Annotated[str, Meta(max_length=100)]
    kind: AssetKind


class Taking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lay below one root at one time (``at``: epoch ms)."""

    source: str
    root: str
    at: int
    assets: list[Place]
    rows: list[Row]


class Snapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    takings: list[Taking] = []

    def of(self, section: BrowseSection) -> Taking | None:
        """What is kept for a [[browse]]."""
        return next((t for t in self.takings if (t.source, t.root) == (section.source, section.root or "")), None)


@dataclass(frozen=True)
class Browsed:
    """What the [[browse]] entries add. ``warnings``: sentences."""

    tags: tuple[TagConfig, ...] = ()
    assets: tuple[AssetConfig, ...] = ()
    warnings: tuple[str, ...] = ()


def read_snapshot(path: Path) -> Snapshot | None:
    """The file, ``None`` where there is none. ``ConfigError`` for one that cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"[[browse]] snapshot: cannot read {path}: {error.strerror}.") from None
    if len(data) > MAX_FILE:
        raise ConfigError(f"[[browse]] snapshot: {path} is larger than {MAX_FILE} bytes.")
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ConfigError(f"[[browse]] snapshot: {path} cannot be read; remove it and make it anew.") from None


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Atomically: a start in between sees the old one or the new one. ``ConfigError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(snapshot) + b"\n", replace=True)


def resolve_browse(
    sections: Sequence[BrowseSection],
    sources: Mapping[str, AnySource],
    tags: Sequence[TagConfig],
    assets: Sequence[AssetConfig],
    path: Path,
) -> Browsed:
    """The tags that the [[browse]] entries of the site.toml at ``path`` stand for, beside those that are configured."""
    _check(sections, sources)
    known = {(tag.source, tag.node) for tag in tags}
    ids = {tag.id for tag in tags}
    canons = {(tag.asset, tag.canon) for tag in tags if tag.canon}
    placed = {asset.id for asset in assets}
    more_tags: list[TagConfig] = []
    more_assets: list[AssetConfig] = []
    warnings: list[str] = []
    renew = RENEW.format(path=path)
    areas = {asset.area for asset in assets}
    room = MAX_AREA_BYTES // 2  # of the names of areas; what finds no room stands in the source's own
    files: dict[Path, Snapshot | None] = {}
    for section in sections:
        where = f'[[browse]] of source "{section.source}"'
        file = path.parent / section.snapshot
        try:
            snapshot = files[file] if file in files else files.setdefault(file, read_snapshot(file))
        except ConfigError as error:
            # A damaged file must not keep the rest of a site from being seen.
            warnings.append(f"{error} Until then it stands for no tags; {renew}.")
            continue
        taking = snapshot.of(section) if snapshot else None
        if taking is None:
            warnings.append(f"{where}: it was never looked at, so it stands for no tags; {renew}.")
            continue
        chosen = [row for row in taking.rows if _chosen(section, row.path) and (section.source, row.node) not in known]
        if len(chosen) > section.max:
            warnings.append(f"{where}: {len(chosen)} variables match, max = {section.max} of them are offered.")
            chosen = chosen[: section.max]
        clashing = sum(row.id in ids for row in chosen)
        if clashing:
            warnings.append(f"{where}: {clashing} variables have ids that tags of site.toml have now; {renew}.")
        places = {place.id: place for place in taking.assets}
        for row in chosen:
            place = places.get(row.asset)
            if row.id in ids or place is None:
                continue
            ids.add(row.id)
            known.add((section.source, row.node))
            canon = row.canon if row.canon in CANON and (row.asset, row.canon) not in canons else ""
            canons.add((row.asset, canon))
            name = CANON[canon].name if canon else clean_name(row.path.rpartition("/")[2]) or row.id
            more_tags.append(TagConfig(row.id, section.source, row.node, row.asset, name, row.kind, canon))
            if row.asset not in placed:
                placed.add(row.asset)
                area = place.area or section.area or section.source
                if area not in areas and sum(len(one.encode()) for one in areas) + len(area.encode()) > room:
                    area = section.area or section.source
                areas.add(area)
                more_assets.append(AssetConfig(place.id, place.name or place.id, area, place.kind))
    return Browsed(tuple(more_tags), tuple(more_assets), tuple(warnings))


def _check(sections: Sequence[BrowseSection], sources: Mapping[str, AnySource]) -> None:
    seen: set[tuple[str, str]] = set()
    for section in sections:
        if section.source not in sources:
            raise ConfigError(f'[[browse]]: its source "{section.source}" is not configured as a [[source]].')
        key = (section.source, section.root or "")
        if key in seen:
            raise ConfigError(f'[[browse]] of source "{section.source}": this root is named twice.')
        seen.add(key)


def _chosen(section: BrowseSection, path: str) -> bool:
    """By the globs, which look at the path with dots, from any of its folders on: ``TK-*.*`` finds
    ``North farm.TK-101.Level``."""
    segments = path.split("/")
    ends = [".".join(segments[i:]) for i in range(len(segments))]

    def any_of(globs: Sequence[str]) -> bool:
        return any(_pattern(glob).match(end) is not None for glob in globs for end in ends)

    return (not section.include or any_of(section.include)) and not any_of(section.exclude)


@lru_cache(maxsize=512)
def _pattern(glob: str) -> Pattern[str]:
    return compile_pattern(fnmatch.translate(glob))
