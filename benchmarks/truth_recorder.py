"""What the plant itself says, written down by a second OPC UA client that shares nothing with ours but the library:
``python -m benchmarks.truth_recorder URL NODES.json OUT.jsonl``, until it is stopped.

A line is a list, its first entry its kind, its second when it was received (epoch ms):

    ["value", received, node, source time, value, StatusCode]      ["life", received, the server's clock]
    ["event", received, condition, event id, time, active, acknowledged, retained, severity, message]
    ["up", received]   ["whole", received]: all that stands was told   ["down", received]
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from asyncua import Client, ua

from relay_bridge.simulator.farm import NAMESPACE

PUBLISHING = 100  # ms
AGAIN = 0.2  # seconds between two attempts to connect
LIFE = 1.0  # seconds without the server's clock moving before the connection itself is looked at
DEADLINE = 2.0  # seconds for an answer
_CLOCK = ua.NodeId(ua.ObjectIds.Server_ServerStatus_CurrentTime)
_CONDITION = ua.NodeId(ua.ObjectIds.ConditionType)
_REFRESH = ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh)
_FIELDS = (
    "EventType", "NodeId", "EventId", "Time", "ActiveState/Id", "AckedState/Id", "Retain", "Severity", "Message",
)  # fmt: skip


class Recorder:
    """One connection after the other, all into one file."""

    def __init__(self, url: str, nodes: list[str], out: TextIO) -> None:
        self._url, self._nodes, self._out = url, nodes, out

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(2 * DEADLINE):
                    client = Client(self._url, timeout=DEADLINE)
                    await client.connect()
            except (OSError, TimeoutError, ua.UaError):
                await asyncio.sleep(AGAIN)
                continue
            try:
                await self._listen(client)
            except (OSError, TimeoutError, ua.UaError, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise
            finally:
                self._write("down")
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(DEADLINE):
                        await client.disconnect()

    async def _listen(self, client: Client) -> None:
        index = await client.get_namespace_index(NAMESPACE)
        subscription = await client.create_subscription(PUBLISHING, self)
        self._write("up")
        nodes = [client.get_node(ua.NodeId(name, index)) for name in self._nodes]
        await subscription.subscribe_data_change(client.get_node(_CLOCK), queuesize=50)
        # With each new time too, although the value is the same: pages show the time.
        every = ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
        await subscription._subscribe(nodes, mfilter=every, queuesize=50)  # the library's way to give a filter
        await subscription.subscribe_alarms_and_conditions(evfilter=_filter(), queuesize=20_000)
        number = ua.Variant(subscription.subscription_id, ua.VariantType.UInt32)
        await client.get_node(_CONDITION).call_method(_REFRESH, number)
        while True:  # a look at the connection, which else may be dead without a word
            await asyncio.sleep(LIFE)
            await client.get_node(_CLOCK).read_value()

    # --- called by the library ------------------------------------------------------------------------------------

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        told = data.monitored_item.Value
        if node.nodeid == _CLOCK:
            self._write("life", _ms(value))
            return
        status = told.StatusCode.value if told.StatusCode is not None else 0
        self._write("value", node.nodeid.Identifier, _ms(told.SourceTimestamp), value, status)

    def event_notification(self, event: Any) -> None:
        facts = event.get_event_props_as_fields_dict()
        values = {name: variant.Value for name, variant in facts.items()}
        if values.get("EventType") == ua.NodeId(ua.ObjectIds.RefreshEndEventType):
            self._write("whole")
        condition = values.get("NodeId")
        if condition is None or values.get("ActiveState/Id") is None:
            return
        event_id = base64.urlsafe_b64encode(values["EventId"]).rstrip(b"=").decode()
        self._write(
            "event", condition.Identifier, event_id, _ms(values["Time"]), values["ActiveState/Id"],
            values["AckedState/Id"], values["Retain"], values["Severity"], values["Message"].Text,
        )  # fmt: skip

    def status_change_notification(self, status: Any) -> None:
        pass

    def _write(self, kind: str, *facts: Any) -> None:
        self._out.write(json.dumps([kind, round(time.time() * 1000), *facts], ensure_ascii=False) + "\n")
        self._out.flush()


def _filter() -> Any:
    chosen = ua.EventFilter()
    for name in _FIELDS:
        operand = ua.SimpleAttributeOperand()
        is_id = name == "NodeId"  # the condition's own, which is no property (OPC 10000-9, 5.5.2)
        operand.TypeDefinitionId = ua.NodeId(ua.ObjectIds.ConditionType if is_id else ua.ObjectIds.BaseEventType)
        operand.BrowsePath = [] if is_id else [ua.QualifiedName(part, 0) for part in name.split("/")]
        operand.AttributeId = ua.AttributeIds.NodeId if is_id else ua.AttributeIds.Value
        chosen.SelectClauses.append(operand)
    return chosen


def _ms(moment: datetime) -> int:
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def main(url: str, nodes: str, out: str) -> None:
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    with Path(out).open("a", encoding="utf-8") as file:
        print("recording", flush=True)
        asyncio.run(Recorder(url, json.loads(Path(nodes).read_text()), file).run())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:4])
