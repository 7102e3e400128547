"""The relay's management plane: make, list, rotate and delete hybrid connections, in Azure and at the emulator alike.

    with RelayManagement.for_azure(subscription_id, resource_group, namespace) as management:
        keys = management.create_conduit("north")
        keys.listen.primary.format()         # for the agent
        management.listener_count("north")

The Azure SDK is imported by the first call, not by this package.
"""

from relay_bridge.management.errors import (
    AlreadyExists,
    ManagementError,
    NotAllowed,
    NotFound,
    Refused,
    Throttled,
    Unreachable,
)
from relay_bridge.management.keys import ConduitKeys, RuleKeys, Which
from relay_bridge.management.plane import LISTEN_RULE, SEND_RULE, ConduitState, RelayManagement
from relay_bridge.management.rotation import RotationError, prepare_key, retire_key, rotate

__all__ = [
    "LISTEN_RULE",
    "SEND_RULE",
    "AlreadyExists",
    "ConduitKeys",
    "ConduitState",
    "ManagementError",
    "NotAllowed",
    "NotFound",
    "Refused",
    "RelayManagement",
    "RotationError",
    "RuleKeys",
    "Throttled",
    "Unreachable",
    "Which",
    "prepare_key",
    "retire_key",
    "rotate",
]
