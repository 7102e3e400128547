"""An agent as a program of its own, made to be killed; its plant is a file that outlives it.

    python -m tests.relay_bridge.agent.acting.killed_agent site.toml plant.txt

Each effect is one line of the file, written with one call before anything else happens: ``tag value ms``. It takes more
changes a minute than any site may configure, so that an end always meets many of them.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import ActingBehaviour, MemoryDriver
from relay_bridge.contract.readings import Value

SLOWEST = 0.03  # seconds that the plant takes before and after an effect


def read_plant(path: Path) -> list[tuple[str, float, int]]:
    """Everything that ever happened at the plant."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    return [(tag, float(value), int(at)) for tag, value, at in lines]


class FilePlant(MemoryDriver):
    """A memory source whose effects are in a file."""

    def __init__(self, path: Path, tags: list[str]) -> None:
        values: dict[str, Value] = dict.fromkeys(tags, 0.0)
        values |= {tag: value for tag, value, _ in read_plant(path)}
        super().__init__("main", tags, values)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        self.behaviour = ActingBehaviour(before=random.random() * SLOWEST, after=random.random() * SLOWEST)
        await super().write(tag, value, deadline)

    def set(self, tag: str, value: Value, quality: int = 0, time_ms: int | None = None) -> None:
        os.write(self._file, f"{tag} {value} {time.time_ns() // 1_000_000}\n".encode())
        super().set(tag, value, quality, time_ms)


async def main(toml: str, plant: str) -> None:
    config = load_config(toml)
    limits = msgspec.structs.replace(
        config.limits, writes_per_minute_user=1_000_000, writes_per_minute_site=1_000_000, requests_per_second=10_000
    )
    config = replace(config, limits=limits)
    driver = FilePlant(Path(plant), [tag.id for tag in config.tags])
    agent = SiteAgent(config, {"main": driver})
    online = asyncio.create_task(agent.uplink.wait_online())
    online.add_done_callback(lambda _: print("online", flush=True))
    await agent.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
