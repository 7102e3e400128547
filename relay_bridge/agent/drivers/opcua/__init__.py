"""The OPC UA driver: one process server, watched over by a supervisor of our own. docs/opcua.md says why it is so.

settings        what is configured              connection      one life of a client object, every wait bounded
node_ids        nsu=...;s=... to a NodeId       limits          how much one call may ask of this server
values          DataValue to Reading            subscriptions   watched tags as monitored items, newest value wins
publishing      the service calls of it         heartbeat       is the server alive, ready and right about the time
problems        what went wrong, in words       refusals        the same as an answer to a request
reads, descriptions   fresh values; unit, range, decimals       certificates    ours and the server's pinned one
history         raw pages and aggregates        browsing, pages what there is below a node
alarms, alarm_watch   the server's own alarms, repeated after every connect
alarm_fields, alarm_calls   an event as an alarm; acknowledging, confirming, shelving
data_types, encoding  exact types to write      acting          writing and calling: loaded for sites that allow it
source          the supervisor: connect, watch, announce, abandon, again
"""

from collections.abc import Iterable

from relay_bridge.agent.drivers.opcua.alarms import AlarmingOpcUaDriver
from relay_bridge.agent.drivers.opcua.settings import OpcUaSettings, OpcUaTag, SettingsError
from relay_bridge.agent.drivers.opcua.source import OpcUaDriver


def make_driver(settings: OpcUaSettings, tags: Iterable[OpcUaTag]) -> OpcUaDriver:
    """The driver of a source; the code that can change anything there is loaded only when ``settings.acting``."""
    if not settings.acting:
        return AlarmingOpcUaDriver(settings, tags) if settings.alarms else OpcUaDriver(settings, tags)
    from relay_bridge.agent.drivers.opcua.acting import ActingOpcUaDriver  # noqa: PLC0415 - docs/opcua.md
    from relay_bridge.agent.drivers.opcua.acting_alarms import ActingAlarmingOpcUaDriver  # noqa: PLC0415

    return (ActingAlarmingOpcUaDriver if settings.alarms else ActingOpcUaDriver)(settings, tags)


__all__ = ["OpcUaDriver", "OpcUaSettings", "OpcUaTag", "SettingsError", "make_driver"]
