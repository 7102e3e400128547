"""What a site lets people change, as its catalog says: setpoints with their limits, commands with the state they need.

The list is the site's. Nothing here adds to it, and the agent judges each change once more by its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from hmi.controls.models import SCOPES, Kind
from hmi.sites.catalog import Catalog
from hmi.sites.tag_names import tag_name
from relay_bridge.contract.acting import ActValue, Confirm, Writable
from relay_bridge.contract.messages import CatalogTag


@dataclass(frozen=True)
class Offer:
    """``tag`` is what is read before and after; ``limits`` of a setpoint, ``expect`` the state a command starts from.

    ``ttl`` and ``reauth`` in seconds.
    """

    kind: Kind
    target: str
    name: str
    tag: CatalogTag
    confirm: Confirm
    ttl: float
    reauth: int
    limits: Writable | None = None
    expect: ActValue | None = None

    @property
    def spoken(self) -> str:
        """The name for a screen; ``name`` is for records, which are kept in one language."""
        return tag_name(self.tag) if self.kind is Kind.SETPOINT else self.name

    @property
    def scope(self) -> str:
        return SCOPES[self.kind]

    @property
    def asset(self) -> str:
        return self.tag.asset

    @property
    def unit(self) -> str:
        return self.tag.unit if self.kind is Kind.SETPOINT else ""


def find_offer(catalog: Catalog, kind: Kind, target: str) -> Offer | None:
    """The setpoint or command of this name; ``None`` when the site does not offer it, or has closed it."""
    if kind is Kind.SETPOINT:
        tag = catalog.tag(target)
        return None if tag is None else _setpoint(tag)
    command = catalog.command(target)
    tag = None if command is None else catalog.tag(command.expect_tag)
    if command is None or tag is None:
        return None
    return Offer(
        Kind.COMMAND, command.id, command.name or command.id, tag, command.confirm, command.ttl_ms / 1000,
        command.reauth_s, expect=command.expect,
    )  # fmt: skip


def offers_of(catalog: Catalog, asset: str) -> list[Offer]:
    """All that may be changed of an asset, in the catalog's order: setpoints, then commands."""
    found = [_setpoint(tag) for tag in catalog.tags_of(asset)]
    found += [find_offer(catalog, Kind.COMMAND, command.id) for command in catalog.commands_of(asset)]
    return [offer for offer in found if offer is not None]


def _setpoint(tag: CatalogTag) -> Offer | None:
    limits = tag.w
    if limits is None:
        return None
    return Offer(
        Kind.SETPOINT, tag.id, tag.name or tag.id, tag, limits.confirm, limits.ttl_ms / 1000, limits.reauth_s,
        limits=limits,
    )  # fmt: skip
