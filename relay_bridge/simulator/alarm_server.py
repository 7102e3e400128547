"""The plant's alarms as conditions of its OPC UA server: events, refresh, acknowledging and shelving over the wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua
from asyncua.common.events import Event

from relay_bridge.simulator.alarms import AlarmBoard, Condition, Refused

_TYPES = {"level": ua.ObjectIds.ExclusiveLevelAlarmType, "off-normal": ua.ObjectIds.OffNormalAlarmType}
RACK = 50  # conditions in one folder
REFRESH_SEVERITY = 100  # of the events that frame a refresh
BREATH, PAUSE = 50, 0.005  # events in one go, and seconds that the others get between two goes
_SHELVED = {
    True: ("Timed Shelved", ua.ObjectIds.ShelvedStateMachineType_TimedShelved),
    False: ("Unshelved", ua.ObjectIds.ShelvedStateMachineType_Unshelved),
}


def prepare(server: Server) -> None:
    """Before ``server.init``: have the library answer ConditionRefresh."""
    server.iserver.bind_condition_methods = REFRESH_SEVERITY


class PlantAlarms:
    """``clock`` gives seconds since the epoch."""

    def __init__(self, server: Server, namespace: int, clock: Callable[[], float]) -> None:
        self.board = AlarmBoard()
        self._server = server
        self._namespace = namespace
        self._clock = clock
        self._nodes: set[str] = set()
        self._waiting: deque[Condition] = deque()
        self._wake = asyncio.Event()

    async def build(self) -> None:
        """An object for every condition, and the methods of the types, which are called on those objects."""
        for condition in self.board.conditions():
            await self._add_node(condition)
        methods = {
            ua.ObjectIds.AcknowledgeableConditionType_Acknowledge: self._acknowledge,
            ua.ObjectIds.ShelvedStateMachineType_TimedShelve: self._shelve,
            ua.ObjectIds.ShelvedStateMachineType_Unshelve: self._unshelve,
        }
        for method, function in methods.items():
            self._server.iserver.isession.add_method_callback(ua.NodeId(method), function)

    def tell(self, changed: Iterable[Condition]) -> None:
        """Send each as an event to whoever subscribed, soon and in this order: nothing else waits for it."""
        self._waiting.extend(changed)
        self._wake.set()

    async def run(self) -> None:
        """Send what is to be told, until cancelled."""
        service = self._server.iserver.subscription_service
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                for condition in [self._waiting.popleft() for _ in range(min(BREATH, len(self._waiting)))]:
                    await self._add_node(condition)
                    await service.trigger_event(self._event(condition))
                await asyncio.sleep(PAUSE)

    # --- methods --------------------------------------------------------------------------------------------------

    async def _acknowledge(self, node: ua.NodeId, event: ua.Variant, comment: ua.Variant) -> Any:
        text = comment.Value.Text if isinstance(comment.Value, ua.LocalizedText) else None
        identifier, occurrence = str(node.Identifier), bytes(event.Value or b"")
        return await self._do(lambda: self.board.acknowledge(identifier, occurrence, text or "", self._clock()))

    async def _shelve(self, node: ua.NodeId, duration: ua.Variant) -> Any:
        return await self._do(lambda: self.board.shelve(str(node.Identifier), duration.Value / 1000, self._clock()))

    async def _unshelve(self, node: ua.NodeId) -> Any:
        return await self._do(lambda: self.board.unshelve(str(node.Identifier), self._clock()))

    async def _do(self, work: Callable[[], Condition]) -> Any:
        try:
            changed = work()
        except Refused as refused:
            return ua.StatusCode(getattr(ua.StatusCodes, refused.code))
        self.tell([changed])
        return []

    # --- address space and events ---------------------------------------------------------------------------------

    async def _add_node(self, condition: Condition) -> None:
        if condition.id in self._nodes:
            return
        self._nodes.add(condition.id)
        parent = condition.id.partition(".")[0]
        if condition.kind != "level":
            # Racks of instruments: asyncua looks through all of a parent's children for each new one.
            parent = f"Instruments-{len(self._nodes) // RACK:03d}"
            if parent not in self._nodes:
                self._nodes.add(parent)
                await self._add("Plant", parent, ua.ObjectIds.Organizes, ua.ObjectIds.FolderType)
        await self._add(parent, condition.id, ua.ObjectIds.HasComponent, _TYPES[condition.kind])

    async def _add(self, parent: str, identifier: str, reference: int, kind: int) -> None:
        item = ua.AddNodesItem(
            ParentNodeId=self._node(parent),
            ReferenceTypeId=ua.NodeId(reference),
            RequestedNewNodeId=self._node(identifier),
            BrowseName=ua.QualifiedName(identifier, self._namespace),
            NodeClass=ua.NodeClass.Object,
            NodeAttributes=ua.ObjectAttributes(DisplayName=ua.LocalizedText(identifier), EventNotifier=0),
            TypeDefinition=ua.NodeId(kind),
        )
        (result,) = await self._server.iserver.isession.add_nodes([item])
        result.StatusCode.check()

    def _node(self, identifier: str) -> ua.NodeId:
        return ua.NodeId(identifier, self._namespace)

    def _event(self, condition: Condition) -> Event:
        event = Event(ua.ObjectIds.Server)
        changed = _moment(condition.changed)
        shelved = condition.shelved_until > 0
        state, state_id = _SHELVED[shelved]
        left = max(condition.shelved_until - self._clock(), 0.0) * 1000
        texts = {
            "Message": condition.message,
            "ConditionClassName": "ProcessConditionClassType",
            "EnabledState": "Enabled",
            "AckedState": "Acknowledged" if condition.acknowledged else "Unacknowledged",
            "ActiveState": "Active" if condition.active else "Inactive",
            "Comment": condition.comment,
            "ShelvingState/CurrentState": state,
        }
        facts: dict[str, tuple[Any, ua.VariantType]] = {
            "EventId": (condition.event, ua.VariantType.ByteString),
            "EventType": (ua.NodeId(_TYPES[condition.kind]), ua.VariantType.NodeId),
            "SourceNode": (self._node(condition.source), ua.VariantType.NodeId),
            "SourceName": (condition.source_name, ua.VariantType.String),
            "Time": (changed, ua.VariantType.DateTime),
            "ReceiveTime": (changed, ua.VariantType.DateTime),
            "Severity": (condition.severity, ua.VariantType.UInt16),
            "NodeId": (self._node(condition.id), ua.VariantType.NodeId),
            "BranchId": (ua.NodeId(), ua.VariantType.NodeId),
            "ConditionClassId": (ua.NodeId(ua.ObjectIds.ProcessConditionClassType), ua.VariantType.NodeId),
            "ConditionName": (condition.name, ua.VariantType.String),
            "Retain": (condition.retain, ua.VariantType.Boolean),
            "EnabledState/Id": (True, ua.VariantType.Boolean),
            "AckedState/Id": (condition.acknowledged, ua.VariantType.Boolean),
            "ActiveState/Id": (condition.active, ua.VariantType.Boolean),
            "ActiveState/TransitionTime": (_moment(condition.active_changed), ua.VariantType.DateTime),
            "InputNode": (self._node(condition.source), ua.VariantType.NodeId),
            "ClientUserId": ("", ua.VariantType.String),
            "SuppressedOrShelved": (shelved, ua.VariantType.Boolean),
            "ShelvingState/CurrentState/Id": (ua.NodeId(state_id), ua.VariantType.NodeId),
            "ShelvingState/UnshelveTime": (left, ua.VariantType.Double),
        }
        if condition.acknowledged_at:
            facts["AckedState/TransitionTime"] = (_moment(condition.acknowledged_at), ua.VariantType.DateTime)
        if condition.kind == "level":
            # As servers have it: an inactive limit alarm has no limit state to tell.
            none = ua.StatusCode(ua.StatusCodes.BadStateNotActive)
            facts["LimitState/CurrentState"] = (
                (ua.LocalizedText(condition.limit or ""), ua.VariantType.LocalizedText)
                if condition.active
                else (none, ua.VariantType.StatusCode)
            )
        for name, text in texts.items():
            event.add_property(name, ua.LocalizedText(text), ua.VariantType.LocalizedText)
        for name, (value, kind) in facts.items():
            event.add_property(name, value, kind)
        return event


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
