"""The driver for a site that allows writes and whose server has alarms of its own: both abilities in one."""

from __future__ import annotations

from relay_bridge.agent.drivers.opcua.acting import ActingOpcUaDriver
from relay_bridge.agent.drivers.opcua.alarms import AlarmingOpcUaDriver


class ActingAlarmingOpcUaDriver(AlarmingOpcUaDriver, ActingOpcUaDriver):
    """``ActingDriver`` and ``AlarmDriver``."""

    capabilities = AlarmingOpcUaDriver.capabilities | ActingOpcUaDriver.capabilities
