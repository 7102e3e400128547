"""A source whose clock stands still is down, however good its values look."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from relay_bridge.agent.config_rest import RestGroup
from relay_bridge.agent.drivers.base import DOWN, OK
from relay_bridge.agent.drivers.rest import SettingsError
from tests.relay_bridge.agent.drivers.rest.support import driver, live, running, source, tag
from tests.support.rest_server import RestServer


async def test_a_frozen_source_goes_down_and_comes_back_when_it_moves() -> None:
    beats = itertools.count()
    frozen: list[int] = []
    async with RestServer() as server:
        server.answers["/plain"] = lambda _: {"level": 5, "beat": frozen[0] if frozen else next(beats)}
        made = driver(source(server.url, heartbeat="plain#/beat", stale_s=0.4))
        async with live(made, ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)
            frozen.append(77)
            state = await sink.until_state(DOWN, 5)
            assert state.reason.startswith("the process server's heartbeat stands still since ")
            await sink.until(lambda: sink.readings["level"].quality == 0x408F0000)
            asked = len(server.asked)
            await server.until(lambda: len(server.asked) > asked + 3)  # it goes on looking
            assert sink.state.code == DOWN
            frozen.clear()
            await sink.until_state(OK, 10)


async def never_comes_up(answer: dict) -> None:
    async with RestServer() as server:
        server.answers["/plain"] = answer
        async with running(driver(source(server.url, heartbeat="plain#/beat", stale_s=0.4)), ["level"]) as sink:
            await sink.until(lambda: sink.state.reason == "the process server's heartbeat stands still")
            assert OK not in [state.code for state in sink.states]


async def test_a_heartbeat_that_never_changes_never_lets_the_source_up() -> None:
    answers = [{"level": 5}, {"level": 5, "beat": None}, {"level": 5, "beat": 1}]
    await asyncio.gather(*(never_comes_up(answer) for answer in answers))


async def test_the_heartbeat_is_watched_when_nothing_else_is() -> None:
    beats = itertools.count()
    slow = RestGroup(id="slow", path="/slow", interval_s=60)
    beat = RestGroup(id="beat", path="/beat", interval_s=0.05)
    async with RestServer() as server:
        server.answers |= {"/slow": {"level": 1}, "/beat": lambda _: next(beats)}
        made = driver(source(server.url, slow, beat, heartbeat="beat#", stale_s=0.4), tag("level", "slow#/level"))
        async with live(made):
            await server.until(lambda: len(server.asked_for("/beat")) > 6)
            assert server.asked_for("/slow") == []


def test_a_heartbeat_must_be_read_often_enough_to_be_one() -> None:
    slow = RestGroup(id="plain", path="/plain", interval_s=5)
    with pytest.raises(SettingsError, match="twice within stale_s"):
        driver(source("http://127.0.0.1:1", slow, heartbeat="plain#/beat", stale_s=4))
