"""What a server states of itself is kept to, and nonsense is not believed."""

from __future__ import annotations

import pytest

from relay_bridge.agent.drivers.opcua import OpcUaDriver
from relay_bridge.agent.drivers.opcua.limits import LIMIT_NODES, OperationLimits, limits_from
from tests.relay_bridge.agent.drivers.opcua.support import farm_names, farm_tag, live, settings
from tests.support.opcua_node import FarmServer


def test_a_limit_is_as_stated_and_never_above_our_own():
    assert limits_from([None] * len(LIMIT_NODES)) == OperationLimits()
    assert limits_from([7, 8, 9, 10, 11]) == OperationLimits(7, 8, 9, 10, 11)
    assert limits_from([2**32 - 1, 0, -1, "x", True]) == OperationLimits()


@pytest.mark.opcua_node
async def test_where_no_further_subscription_is_granted_the_items_share_what_there_is(farm_folder):
    # One for the heartbeat and one for tags; the latter states that 50 items fit, and there are 80.
    options = {"max_subscriptions": 2, "max_items_per_subscription": 50}
    async with FarmServer(farm_folder, tanks=8, change_ms=300, **options) as farm:
        names = farm_names(8)
        driver = OpcUaDriver(settings(farm.url), [farm_tag(name) for name in names])
        async with live(driver, names) as recorder:
            await recorder.until(lambda: recorder.readings.keys() == set(names))
            good = [name for name in names if recorder.readings[name].quality == 0]
            bad = {recorder.readings[name].quality for name in names if name not in good}
            assert len(good) == 50
            assert bad == {0x80DB0000}  # BadTooManyMonitoredItems: said of each tag that the server does not take
            first = dict(recorder.readings)
            await recorder.until(lambda: all(recorder.readings[name].time > first[name].time for name in good))
