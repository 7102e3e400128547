"""The OPC UA driver: one process server, watched over by a supervisor of our own.

settings        what is configured              connection      one life of a client object, every wait bounded
node_ids        nsu=...;s=... to a NodeId       subscriptions   watched tags as monitored items, newest value wins
values          DataValue to Reading            heartbeat       is the server alive, ready and right about the time
problems        what went wrong, in words       reads, descriptions   fresh values; unit, range, decimals
source          the supervisor: connect, watch, announce, abandon, again
"""

from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag, SettingsError
from relay_bridge.agent.drivers.opcua.source import OpcUaDriver

__all__ = ["OpcUaDriver", "OpcUaSettings", "OpcUaTag", "SettingsError"]
