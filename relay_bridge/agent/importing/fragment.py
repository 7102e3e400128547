"""A proposal as commented TOML that loads as it is, and the proof of that before anybody gets to see it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

import msgspec

from relay_bridge.agent.config_file import AnySource, TagSection, TankSection, TemplateSection
from relay_bridge.agent.drivers.abilities import FoundNode
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.proposal import Proposal
from relay_bridge.agent.importing.toml_text import comment, entry
from relay_bridge.agent.tags import AssetConfig, TagConfig, resolve_tags
from relay_bridge.agent.templates import with_templates

MOST_LISTED = 200  # variables that were not understood, and remarks, of each


def fragment(proposal: Proposal, head: Sequence[str]) -> str:
    """The text to be put at the end of site.toml. ``head``: sentences for its beginning."""
    parts = [comment(line) for line in head]
    parts.append(
        comment("Everything here is read only. Look at units, ranges and areas; delete what phones need not see.")
    )
    for title, section, entries in (
        ("What tanks share", "template", proposal.templates),
        ("Tanks and pumps", "tank", proposal.tanks),
        ("Their other variables", "tag", proposal.tags),
    ):
        if entries:
            parts.append("\n" + comment(f"--- {title} ---"))
            parts += [f"\n{entry(section, facts)}" for facts in entries]
    parts += _notes(proposal)
    return "".join(parts)


def prove(
    text: str, source: AnySource, assets: Sequence[AssetConfig] = ()
) -> tuple[Sequence[TagConfig], Sequence[AssetConfig]]:
    """What the fragment means to the agent, beside ``assets`` that are configured. ``ConfigError`` when it could not be
    loaded: it is then not handed out."""
    document: dict[str, Any] = tomllib.loads(text)
    try:
        templates = [(msgspec.convert(raw, TemplateSection), raw) for raw in document.get("template", [])]
        tanks = [msgspec.convert(raw, TankSection) for raw in with_templates(templates, document.get("tank", []))]
        tags = [msgspec.convert(raw, TagSection) for raw in document.get("tag", [])]
    except msgspec.ValidationError as error:
        raise ConfigError(f"What was found cannot be written as a configuration: {error}.") from None
    areas = {asset.id: asset.area for asset in assets}
    placed = [msgspec.structs.replace(tag, area=areas.get(tag.asset or "", tag.area)) for tag in tags]
    return resolve_tags([source], placed, tanks, may_be_none=True)


def _notes(proposal: Proposal) -> list[str]:
    lines: list[str] = []
    if proposal.remarks:
        lines.append("\n" + comment("--- To look at ---"))
        lines += [comment(remark) for remark in proposal.remarks[:MOST_LISTED]]
        lines += _rest(len(proposal.remarks))
    if proposal.left:
        lines.append("\n" + comment(f"--- Not understood: {len(proposal.left)} variables ---"))
        lines.append(comment("Write a [[tag]] for one, or a [[browse]] for many of them."))
        lines += [comment(_described(node)) for node in proposal.left[:MOST_LISTED]]
        lines += _rest(len(proposal.left))
    return lines


def _described(node: FoundNode) -> str:
    unit = f", {node.unit}" if node.unit else ""
    return f"{node.path[:200]}  ({node.kind}{unit})  {node.node[:200]}"


def _rest(count: int) -> list[str]:
    return [comment(f"... and {count - MOST_LISTED} more")] if count > MOST_LISTED else []
