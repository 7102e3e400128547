"""The simulated plant under a clock that is ahead: ``python -m benchmarks.truth_plant PORT SECONDS``."""

from __future__ import annotations

import asyncio
import sys
import time

from relay_bridge.simulator.server import PlantServer, quiet_asyncua


async def serve(port: int, ahead: float) -> None:
    async with PlantServer("127.0.0.1", port, clock=lambda: time.time() + ahead):
        await asyncio.Event().wait()


if __name__ == "__main__":
    quiet_asyncua()
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
