"""Small limits, as a controller's built-in server has them: advertised, and enforced with BadTooManyOperations."""

from __future__ import annotations

from typing import Any

from asyncua import Server, ua
from asyncua.common.utils import ServiceError

_LIMITS = (
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
)


async def limit_operations(server: Server, most: int) -> None:
    """From now on a call may name at most ``most`` nodes; asyncua itself advertises limits but enforces none."""
    for limit in _LIMITS:
        await server.get_node(ua.NodeId(limit)).write_value(ua.Variant(most, ua.VariantType.UInt32))
    core = server.iserver
    read, create = core.attribute_service.read, core.subscription_service.create_monitored_items
    translate = core.view_service.translate_browsepaths_to_nodeids

    def check(items: list[Any]) -> None:
        if len(items) > most:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)

    def limited_read(params: ua.ReadParameters) -> list[ua.DataValue]:
        check(params.NodesToRead)
        return read(params)

    async def limited_create(params: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        check(params.ItemsToCreate)
        return await create(params)

    def limited_translate(paths: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        check(paths)
        return translate(paths)

    core.attribute_service.read = limited_read
    core.subscription_service.create_monitored_items = limited_create
    core.view_service.translate_browsepaths_to_nodeids = limited_translate
