"""An OPC UA server on node-opcua in a process of its own: the other implementation that the driver must get on with."""

from tests.support.opcua_node.process import FarmServer, make_farm_folder

__all__ = ["FarmServer", "make_farm_folder"]
