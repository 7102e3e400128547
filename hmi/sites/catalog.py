"""The catalog of a site as screens use it: areas, assets and tags, with the lookups they need. Immutable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from hmi.sites.plain_text import plain
from relay_bridge.contract.acting import CatalogCommand
from relay_bridge.contract.messages import CatalogAnswer, CatalogAsset, CatalogTag

MAX_TAGS = 20_000  # of one site; beyond it something is wrong at the other end
MAX_ASSETS = 5_000
MAX_AREAS = 500
MAX_COMMANDS = 1_000
MAX_LINE = 250  # characters of a name; the agent's own bounds are narrower


@dataclass(frozen=True, eq=False)
class Catalog:
    """What the agent says there is. ``hash`` names this very content; order is the agent's."""

    hash: str
    areas: tuple[str, ...] = ()
    assets: tuple[CatalogAsset, ...] = ()
    tags: tuple[CatalogTag, ...] = ()
    commands: tuple[CatalogCommand, ...] = ()
    _tags: dict[str, CatalogTag] = field(init=False, repr=False)
    _assets: dict[str, CatalogAsset] = field(init=False, repr=False)
    _by_asset: dict[str, tuple[CatalogTag, ...]] = field(init=False, repr=False)
    _by_canon: dict[tuple[str, str], CatalogTag] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_asset: dict[str, list[CatalogTag]] = {}
        by_canon: dict[tuple[str, str], CatalogTag] = {}
        for tag in self.tags:
            by_asset.setdefault(tag.asset, []).append(tag)
            if tag.canon:
                by_canon.setdefault((tag.asset, tag.canon), tag)
        lookups = {
            "_tags": {tag.id: tag for tag in self.tags},
            "_assets": {asset.id: asset for asset in self.assets},
            "_by_asset": {asset: tuple(tags) for asset, tags in by_asset.items()},
            "_by_canon": by_canon,
        }
        for name, value in lookups.items():
            object.__setattr__(self, name, value)  # the dataclass is frozen for everybody else

    @classmethod
    def from_pages(cls, pages: Iterable[CatalogAnswer]) -> Catalog:
        """Put the pages of one catalog together; ``ValueError`` when they are of different ones, or too many."""
        pages = list(pages)
        if len({page.cat for page in pages}) != 1:
            raise ValueError("the catalog changed while it was being read")
        areas = tuple(dict.fromkeys(_line(area) for page in pages for area in page.areas))
        assets = tuple({asset.id: _plain_asset(asset) for page in pages for asset in page.assets}.values())
        tags = tuple({tag.id: _plain_tag(tag) for page in pages for tag in page.tags}.values())
        if len(tags) > MAX_TAGS or len(assets) > MAX_ASSETS or len(areas) > MAX_AREAS:
            raise ValueError(f"the catalog has more than {MAX_TAGS} tags, {MAX_ASSETS} assets or {MAX_AREAS} areas")
        commands = tuple(
            {row.id: replace(row, name=_line(row.name) or row.id) for page in pages for row in page.commands}.values()
        )
        if len(commands) > MAX_COMMANDS:
            raise ValueError(f"the catalog has more than {MAX_COMMANDS} commands")
        return cls(pages[0].cat, areas, assets, tags, commands)

    def tag(self, tag_id: str) -> CatalogTag | None:
        return self._tags.get(tag_id)

    def asset(self, asset_id: str) -> CatalogAsset | None:
        return self._assets.get(asset_id)

    def tags_of(self, asset_id: str) -> tuple[CatalogTag, ...]:
        """Every tag of an asset, in the agent's order; empty for an unknown asset."""
        return self._by_asset.get(asset_id, ())

    def tag_of(self, asset_id: str, canon: str) -> CatalogTag | None:
        """The asset's tag for a word of the tank vocabulary, such as ``level`` or ``temp_avg``."""
        return self._by_canon.get((asset_id, canon))

    def assets_in(self, area: str) -> tuple[CatalogAsset, ...]:
        return tuple(asset for asset in self.assets if asset.area == area)

    def command(self, command_id: str) -> CatalogCommand | None:
        return next((command for command in self.commands if command.id == command_id), None)

    def commands_of(self, asset_id: str) -> tuple[CatalogCommand, ...]:
        """The commands of an asset that are open at the site, in the agent's order."""
        return tuple(command for command in self.commands if command.asset == asset_id)

    @property
    def tanks(self) -> tuple[CatalogAsset, ...]:
        return tuple(asset for asset in self.assets if asset.kind == "tank")


# The agent is believed in what it measures, and not in how a line of ours may look: see plain_text.


def _plain_asset(asset: CatalogAsset) -> CatalogAsset:
    return replace(asset, name=_line(asset.name) or asset.id, area=_line(asset.area))


def _plain_tag(tag: CatalogTag) -> CatalogTag:
    enums = tag.enums and {value: _line(word) for value, word in tag.enums.items()}
    # A unit is sent back with a change, so one without anything unseen stays exactly as it is.
    unit = tag.unit if tag.unit.isprintable() else _line(tag.unit)
    return replace(tag, name=_line(tag.name), unit=unit, enums=enums)


def _line(text: str) -> str:
    return plain(text, MAX_LINE)
