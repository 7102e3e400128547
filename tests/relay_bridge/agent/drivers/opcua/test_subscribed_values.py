"""What a subscription's values become: the newest wins, whoever asks anew is told, and a bad one spoils no other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.publishing import Notification
from relay_bridge.agent.drivers.opcua.subscriptions import TagSubscriptions, _Bucket, _Item
from relay_bridge.agent.drivers.opcua.values import BAD_DECODING_ERROR
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading
from tests.relay_bridge.agent.drivers.opcua.support import settings, tag

NOW = 1_795_370_000_000  # epoch ms
LEVEL, TEMP = tag("TK-101.Level", deadband=0.5), tag("TK-101.Temp")


def data(value: object, ms: int = NOW, status: int = 0) -> ua.DataValue:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return ua.DataValue(
        ua.Variant(value), StatusCode=ua.StatusCode(status), SourceTimestamp=moment, ServerTimestamp=moment
    )


class Server:
    """A connection that answers reads; ``meanwhile`` happens while a question is on its way."""

    def __init__(self) -> None:
        self.namespaces = ["", LEVEL.address.uri]
        self.answers: list[ua.DataValue] = []
        self.meanwhile = lambda: None
        self.limits = type("Limits", (), {"read": 1000, "subscription": 100})()

    async def in_chunks(self, doing: str, items: list[object], size: int, call: object) -> list[ua.DataValue]:
        self.meanwhile()
        return self.answers[: len(items)]


@pytest.fixture
def puts() -> list[tuple[str, Reading]]:
    return []


@pytest.fixture
def subscribed(puts):
    """Two items at a server, one with a deadband."""
    server = Server()
    made = TagSubscriptions(
        server, settings("opc.tcp://127.0.0.1:1"), lambda *put: puts.append(put), lambda: NOW, lambda: NOW + 5000
    )
    bucket = _Bucket(1)
    made._buckets.append(bucket)
    for handle, one in enumerate((LEVEL, TEMP), 1):
        made._items[one.id] = bucket.items[handle] = _Item(one, handle, bucket, handle, filtered=one.deadband > 0)

    def receive(*values: tuple[int, ua.DataValue]) -> None:
        made._receive(bucket, Notification(list(values)))

    return server, made, receive


async def test_a_value_told_while_the_sweep_asks_is_not_overtaken_by_an_older_answer(subscribed, puts) -> None:
    server, made, receive = subscribed
    receive((1, data(10.0)))
    server.answers = [data(10.0)]
    server.meanwhile = lambda: receive((1, data(20.0, NOW + 900)))
    await made.sweep()
    await made.refresh([LEVEL])
    assert puts[-1] == ("TK-101.Level", Reading(20.0, NOW + 900))


async def test_an_answer_is_taken_although_the_source_s_clock_was_put_back(subscribed, puts) -> None:
    server, made, receive = subscribed
    receive((1, data(10.0)))
    server.answers = [data(12.0, NOW - 3_600_000)]
    await made.refresh([LEVEL])
    assert puts[-1] == ("TK-101.Level", Reading(12.0, NOW - 3_600_000))


async def test_whoever_begins_to_watch_what_is_still_subscribed_is_told_what_it_is(subscribed, puts) -> None:
    _, made, receive = subscribed
    receive((1, data(10.0)))
    made._fail(tag("TK-999.Level"), BAD_NODE_ID_UNKNOWN)
    puts.clear()
    made.repeat(["TK-101.Level", "TK-101.Temp", "TK-999.Level"])  # Temp has told nothing yet: it will
    assert puts == [
        ("TK-101.Level", Reading(10.0, NOW)), ("TK-999.Level", Reading(None, NOW, BAD_NODE_ID_UNKNOWN)),
    ]  # fmt: skip


async def test_a_value_that_cannot_be_understood_spoils_no_other(subscribed, puts) -> None:
    _, _, receive = subscribed
    odd = ua.DataValue(ua.Variant(1.0), SourceTimestamp="yesterday")  # as no decoder should make it
    receive((1, odd), (2, data(20.0)))
    assert puts == [("TK-101.Level", Reading(None, NOW, BAD_DECODING_ERROR)), ("TK-101.Temp", Reading(20.0, NOW))]


async def test_flags_that_only_notifications_have_are_no_other_quality(subscribed) -> None:
    server, made, receive = subscribed
    structure_changed = 0x8000  # of an otherwise good StatusCode (OPC 10000-4, 7.39.1)
    receive((1, data(10.0, status=structure_changed)))
    server.answers = [data(10.0)]
    for _ in range(3):
        assert await made.sweep()
