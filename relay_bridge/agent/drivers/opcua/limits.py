"""How much one call may ask of this server: what it states, and where it states nothing our own cautious numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from asyncua import ua

MOST_PER_READ, MOST_PER_CALL = 1000, 500  # where a server states no limit, or a larger one
# Few large subscriptions: servers grant a session ten (node-opcua) or fewer, and every one costs a round of publishing.
MOST_PER_SUBSCRIPTION = 2500


@dataclass(frozen=True)
class OperationLimits:
    """How many nodes one call may name (ServerCapabilities and its OperationLimits, OPC 10000-5, 6.3.2 and 6.3.11).

    ``subscription``: items of one subscription.
    """

    read: int = MOST_PER_READ
    items: int = MOST_PER_CALL
    translate: int = MOST_PER_CALL
    browse: int = MOST_PER_CALL
    subscription: int = MOST_PER_SUBSCRIPTION


_CAPABILITIES: Final = "Server_ServerCapabilities"
_NODES: Final = {
    "read": f"{_CAPABILITIES}_OperationLimits_MaxNodesPerRead",
    "items": f"{_CAPABILITIES}_OperationLimits_MaxMonitoredItemsPerCall",
    "translate": f"{_CAPABILITIES}_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds",
    "browse": f"{_CAPABILITIES}_OperationLimits_MaxNodesPerBrowse",
    "subscription": f"{_CAPABILITIES}_MaxMonitoredItemsPerSubscription",
}
# The limit on reading is first: it must be known before more than one node is read in a call.
LIMIT_NODES: Final = [ua.NodeId(getattr(ua.ObjectIds, _NODES[field.name])) for field in fields(OperationLimits)]


def limits_from(stated: Sequence[Any]) -> OperationLimits:
    """The limits of a server that gave these values for ``LIMIT_NODES``, in that order."""
    wanted = fields(OperationLimits)
    return OperationLimits(
        **{field.name: _limit(value, field.default) for field, value in zip(wanted, stated, strict=True)}
    )


def _limit(stated: Any, most: Any) -> int:
    """A limit as stated, never above our own; 0 and nonsense mean that there is none."""
    is_count = isinstance(stated, int) and not isinstance(stated, bool) and stated > 0
    return int(min(stated, most)) if is_count else int(most)
