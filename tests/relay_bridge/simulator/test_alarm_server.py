"""The plant's alarms over the wire, seen with a plain client of the library."""

from __future__ import annotations

import asyncio

from asyncua import Client, ua

from relay_bridge.simulator.server import PlantServer

CONDITION, ACKNOWLEDGE, REFRESH = (
    ua.NodeId(ua.ObjectIds.ConditionType),
    ua.NodeId(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge),
    ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh),
)


class Ear:
    def __init__(self) -> None:
        self.events: asyncio.Queue = asyncio.Queue()

    def event_notification(self, event) -> None:
        self.events.put_nowait(event)

    async def next(self, text: str):
        async with asyncio.timeout(10):
            while True:
                event = await self.events.get()
                if text in event.Message.Text:
                    return event


async def test_an_alarm_is_told_repeated_and_acknowledged_by_its_event_alone() -> None:
    ear = Ear()
    async with PlantServer(seed=2) as plant, Client(plant.url) as client:
        subscription = await client.create_subscription(100, ear)
        await subscription.subscribe_alarms_and_conditions(queuesize=1000)
        refresh = client.get_node(CONDITION)
        await refresh.call_method(REFRESH, ua.Variant(subscription.subscription_id, ua.VariantType.UInt32))
        standing = await ear.next("TK-107")
        assert (standing.Severity, standing.Retain, standing.SourceName) == (700, True, "TK-107")
        plant.faults.alarm_burst(1)
        raised = await ear.next("TK-101")
        assert "HighHigh" in raised.Message.Text
        condition = client.get_node(raised.NodeId)
        comment = ua.Variant(ua.LocalizedText("seen"), ua.VariantType.LocalizedText)
        for event, code in ((b"another", ua.StatusCodes.BadEventIdUnknown), (raised.EventId, 0)):
            try:
                await condition.call_method(ACKNOWLEDGE, ua.Variant(event, ua.VariantType.ByteString), comment)
                assert code == 0
            except ua.UaStatusCodeError as error:
                assert error.code == code
        board = plant.alarms.board.find("TK-101.LevelAlarm")
        assert (board.acknowledged, board.comment) == (True, "seen")
        assert (await ear.next("TK-101")).Comment.Text == "seen"


async def test_a_flood_does_not_hold_up_the_servers_own_clock() -> None:
    async with PlantServer(seed=2) as plant:
        current = plant.server.iserver.current_time_node
        plant.faults.alarm_flood(500)
        async with asyncio.timeout(10):
            while len(plant.alarms._nodes) < 500:
                await asyncio.sleep(0.05)
        before = await current.read_value()
        async with asyncio.timeout(2):
            while await current.read_value() == before:
                await asyncio.sleep(0.05)
