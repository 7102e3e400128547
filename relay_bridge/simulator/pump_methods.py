"""The pump's methods in the address space: P-101.Start and P-101.Stop, as a DCS would offer them."""

from __future__ import annotations

from collections.abc import Callable

from asyncua import Server, ua

from relay_bridge.simulator.farm import PUMP
from relay_bridge.simulator.pump import PumpLine


async def add_pump_methods(server: Server, namespace: int, pump: PumpLine, clock: Callable[[], float]) -> None:
    """Put both below the pump's object. ``clock``: seconds since the epoch. A method wishes for a state, so calling it
    in that state changes nothing."""

    async def start(_parent: ua.NodeId) -> list[ua.Variant] | ua.StatusCode:
        try:
            pump.start(clock())
        except ValueError:
            return ua.StatusCode(ua.StatusCodes.BadInvalidState)
        return []

    async def stop(_parent: ua.NodeId) -> list[ua.Variant] | ua.StatusCode:
        pump.stop(clock())
        return []

    place = server.get_node(ua.NodeId(PUMP, namespace))
    for name, method in (("Start", start), ("Stop", stop)):
        await place.add_method(
            ua.NodeId(f"{PUMP}.{name}", namespace), ua.QualifiedName(name, namespace), method, [], []
        )
