"""What was found below the root of a [[browse]] as rows of a snapshot: every node gets its id, once and for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from relay_bridge.agent.config_file import BrowseSection
from relay_bridge.agent.importing.names import MAX_ASSET, Taken, clean_name, id_from
from relay_bridge.agent.importing.recognise import Recognition
from relay_bridge.agent.importing.snapshot import Place, Row, Snapshot, Taking
from relay_bridge.agent.tags import AssetConfig, AssetKind, TagConfig
from relay_bridge.agent.vocabulary import CANON, Kind


class _Member(NamedTuple):
    node: str
    path: str
    kind: str
    canon: str
    asset_kind: AssetKind


@dataclass(frozen=True)
class TakenIds:
    """The ids that a renewed snapshot may not give to anything else; ``owners``: assets of configured nodes."""

    tags: Taken
    assets: Taken
    owners: Mapping[str, str]

    @classmethod
    def of(
        cls, source: str, tags: Iterable[TagConfig], assets: Iterable[AssetConfig], snapshot: Snapshot | None
    ) -> TakenIds:
        tags = list(tags)
        kept = snapshot.takings if snapshot else []
        return cls(
            Taken({tag.id for tag in tags} | {row.id for taking in kept for row in taking.rows}),
            Taken({asset.id for asset in assets} | {place.id for taking in kept for place in taking.assets}),
            {tag.node: tag.asset for tag in tags if tag.source == source},
        )


def take(
    section: BrowseSection, recognition: Recognition, before: Taking | None, taken: TakenIds, *, at: int
) -> Taking:
    """What was found as rows with ids. Nodes and folders that ``before`` knows keep theirs; a folder with variables of
    one configured asset is that asset."""
    old_rows = {row.node: row for row in before.rows} if before else {}
    old_places = {place.path: place for place in before.assets} if before else {}
    places: list[Place] = []
    rows: list[Row] = []
    for path, members in _folders(recognition).items():
        segments = path.split("/")
        old = old_places.get(path)
        owners = {taken.owners[one.node] for one in members if one.node in taken.owners}
        if old is not None:
            asset_id = old.id
        elif len(owners) == 1:
            asset_id = owners.pop()
        else:
            asset_id = taken.assets.give(id_from(segments[-1] or section.source, MAX_ASSET), MAX_ASSET)
        area = clean_name(segments[-2] if len(segments) > 1 else "") or section.area or section.source
        places.append(Place(path, asset_id, clean_name(segments[-1]) or asset_id, area, members[0].asset_kind))
        for one in members:
            kept = old_rows.get(one.node)
            leaf = id_from(one.path.rpartition("/")[2], 40)
            name = kept.id if kept else taken.tags.give(f"{asset_id}.{leaf}")
            rows.append(Row(one.node, one.path, name, asset_id, _kind(one), one.canon))
    return Taking(section.source, section.root or "", at, places, rows)


def _folders(recognition: Recognition) -> dict[str, list[_Member]]:
    """The members of every asset and of every other folder that holds variables."""
    folders: dict[str, list[_Member]] = {}
    for asset in recognition.assets:
        members = folders.setdefault("/".join(asset.path), [])
        members += [_Member(node.node, node.path, node.kind, key, asset.kind) for key, node in asset.keys.items()]
        members += [_Member(node.node, node.path, node.kind, "", asset.kind) for node in asset.others]
    for node in recognition.loose:
        folder = node.path.rpartition("/")[0]
        folders.setdefault(folder, []).append(_Member(node.node, node.path, node.kind, "", "unit"))
    return folders


def _kind(member: _Member) -> Kind:
    if member.canon:
        return CANON[member.canon].kind
    return "bool" if member.kind == "bool" else "text" if member.kind == "text" else "number"
