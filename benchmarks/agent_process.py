"""The agent as a program to be measured: the real one, with a source in memory and one extra door on loopback::

    python -m benchmarks.agent_process SITE_TOML

Prints ``direct PORT`` when the relay knows it. Lines on standard input: ``change LEVELS RATES`` lets so many tags of
each kind change once a second from then on. Ends with its standard input, so it never outlives who started it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from benchmarks.plain_channel import PlainChannel
from benchmarks.programs import LOOPBACK
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.session import Session

PERIOD = 1.0  # seconds between two changes
LEVEL_STEP = 0.001  # m
RATE_STEP = 0.1  # mm/min


class Change:
    """Lets levels rise by 1 mm a second, and rates waver."""

    def __init__(self, driver: MemoryDriver, tags: list[str]) -> None:
        self._driver = driver
        self._levels = [tag for tag in tags if tag.endswith(".level")]
        self._rates = [tag for tag in tags if tag.endswith(".level_rate")]
        self._now = 0, 0
        self._step = 0

    def set(self, levels: int, rates: int) -> None:
        self._now = levels, rates

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += PERIOD
            await asyncio.sleep(due - loop.time())
            self._step += 1
            levels, rates = self._now
            for place, tag in enumerate(self._levels[:levels]):
                self._driver.set(tag, round(2.0 + 0.1 * (place % 100) + LEVEL_STEP * self._step, 3))
            for place, tag in enumerate(self._rates[:rates]):
                self._driver.set(tag, round(60.0 + 0.1 * place + RATE_STEP * (self._step % 10), 1))


async def main(site_file: Path) -> None:
    config = load_config(site_file)
    agent = SiteAgent(config)
    driver = agent.drivers["main"]
    assert isinstance(driver, MemoryDriver)
    change = Change(driver, [tag.id for tag in config.tags])

    async def serve_directly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Tokens are bound to the web app's certificate: without TLS its thumbprint is taken as proved.
        await Session(PlainChannel(reader, writer, agent.trust.web_app.thumbprint), agent.site).run()

    door = await asyncio.start_server(serve_directly, LOOPBACK, 0)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, agent.stop)
    running = [asyncio.create_task(change.run()), asyncio.create_task(_listen(change, agent))]
    serving = asyncio.create_task(agent.run())
    await agent.uplink.wait_online()
    print(f"direct {door.sockets[0].getsockname()[1]}", flush=True)
    try:
        await serving
    finally:
        door.close()
        for task in running:
            task.cancel()


async def _listen(change: Change, agent: SiteAgent) -> None:
    """Commands from standard input, until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        _, levels, rates = line.split()
        change.set(int(levels), int(rates))
    agent.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
