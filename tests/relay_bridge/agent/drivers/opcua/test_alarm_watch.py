"""What a watch of alarms does when the server ends it, and how often it says what a server has not got."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asyncua import ua

from relay_bridge.agent.drivers.opcua.alarm_watch import AlarmWatch
from relay_bridge.agent.drivers.opcua.alarms import OpcUaAlarms
from relay_bridge.agent.drivers.opcua.problems import SourceLost
from relay_bridge.agent.drivers.opcua.publishing import Notification
from tests.relay_bridge.agent.drivers.opcua.support import settings


class NoRefresh:
    """A connection to a server that does not repeat its alarms."""

    namespaces: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.session = self
        self.asked = asyncio.Event()

    async def call(self, *arguments: Any) -> list[Any]:
        if len(arguments) == 1:  # the session's
            self.asked.set()
            return [ua.CallMethodResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadMethodInvalid))]
        answer: list[Any] = await arguments[1]
        return answer


async def test_a_subscription_that_ends_is_seen_at_once_also_without_refresh() -> None:
    connection = NoRefresh()
    said: list[str] = []
    watch = AlarmWatch(
        connection,
        settings("opc.tcp://127.0.0.1:1"),
        [],
        lambda: None,
        now=lambda: 0,
        warn=said.append,  # type: ignore[arg-type]
    )
    following = asyncio.create_task(watch.follow(600.0, 10.0))
    await connection.asked.wait()
    await asyncio.sleep(0)
    watch._receive(Notification([], status=ua.StatusCodes.BadTimeout))
    with pytest.raises(SourceLost, match="ended the subscription to alarms"):
        async with asyncio.timeout(2.0):
            await following
    assert said and "does not repeat its alarms" in said[0]


def test_what_a_server_has_not_got_is_said_once_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    alarms = OpcUaAlarms(settings("opc.tcp://127.0.0.1:1"), [], lambda: 0)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            alarms._warn("no alarms from there")
    assert len(caplog.records) == 1
