"""One source of a site floods, drips, bombs, lies and hangs: the other one does not notice."""

from __future__ import annotations

import asyncio
import itertools

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.base import OK
from relay_bridge.contract.readings import Reading
from tests.relay_bridge.agent.support import SiteFolder
from tests.support import rest_server
from tests.support.rest_server import RestServer, Status

BAD = [
    rest_server.bomb,
    rest_server.huge,
    rest_server.huge_by_length,
    rest_server.many_headers,
    rest_server.reset,
    rest_server.hang_up,
    rest_server.silent,
    rest_server.slow_body,
    rest_server.slow_headers,
    rest_server.text(b"<html>not JSON"),
    rest_server.text(b"[" * 100_000),
    Status(302, {}, "Location: http://192.0.2.1/\r\n"),
    Status(403, {}),
    Status(500, {"level": 1}),
]
SITE = """
[[source]]
id = "{0}"
kind = "rest"
url = "{1}"
allow_insecure = true
requests_per_second = 100
first_byte_s = 0.2
deadline_s = 0.3
max_answer = 1048576
stale_s = 1.5

[[source.group]]
id = "page"
path = "/page"
interval_s = 0.2

[[tag]]
id = "{0}.level"
source = "{0}"
area = "A"
node = "page#/level"
"""
BESIDE = """
[[source.group]]
id = "beside"
path = "/beside"
interval_s = 0.2

[[tag]]
id = "bad.beside"
source = "bad"
area = "A"
node = "beside#/level"
"""


class Watcher:
    """What was told of one tag, and of the states of all sources."""

    def __init__(self, agent: SiteAgent) -> None:
        self.told: dict[int, list[Reading]] = {}
        self.states: list[dict[str, int]] = []
        self._agent = agent

    def put(self, handle: int, reading: Reading) -> None:
        self.told.setdefault(handle, []).append(reading)

    def source_changed(self) -> None:
        self.states.append({name: state.code for name, state in self._agent.site.subscriptions.states().items()})


async def test_the_other_source_does_not_notice(site: SiteFolder) -> None:
    async with RestServer() as good, RestServer() as bad:
        beats = itertools.count()
        # A good answer after each bad one, or it would be left alone for longer and longer.
        turns = itertools.cycle(answer for each in BAD for answer in (each, {"level": 1}))
        good.answers["/page"] = lambda _: {"level": next(beats)}
        bad.answers |= {"/page": lambda _: next(turns), "/beside": {"level": 1}}
        first, _, second = BESIDE.partition("[[tag]]")
        group, found, tag = SITE.format("bad", bad.url).partition("[[tag]]")
        site.configure(SITE.format("good", good.url), group + first + found + tag + found + second)
        agent = SiteAgent(load_config(site.toml))
        subscriptions = agent.site.subscriptions
        running = [asyncio.create_task(driver.run(subscriptions)) for driver in agent.drivers.values()]
        watcher = Watcher(agent)
        try:
            async with asyncio.timeout(10):
                while subscriptions.states()["good"].code != OK:
                    await asyncio.sleep(0.02)
            subscriptions.join(watcher)
            handles = subscriptions.watch(
                watcher, agent.site.ceiling.require(["good.level", "bad.level", "bad.beside"])
            )
            await bad.until(lambda: len(bad.asked_for("/page")) > 2 * len(BAD), 60)
            asked = len(good.asked)
            await good.until(lambda: len(good.asked) > asked + 2)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        assert all(state["good"] == OK for state in watcher.states), "it was there all the time"
        values = watcher.told[handles["good.level"]]
        assert len(values) > 10 and {reading.quality for reading in values} == {0}, "and never late"
        assert [reading.value for reading in values] == sorted(reading.value for reading in values)  # type: ignore[type-var]
        assert {reading.value for reading in watcher.told[handles["bad.level"]]} <= {1, None}
        assert any(state["bad"] != OK for state in watcher.states)
