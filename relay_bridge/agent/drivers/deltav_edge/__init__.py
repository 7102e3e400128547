"""DeltaV Edge: a preset of the REST driver, read-only by nature.

preset      its addresses and fields as the vendor documents them
journal     the alarm state, rebuilt from the journal of alarms and events
"""

from relay_bridge.agent.drivers.deltav_edge.preset import deltav_edge_driver

__all__ = ["deltav_edge_driver"]
