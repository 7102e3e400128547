"""What the REST driver's tests share: a source's settings, a running driver, a sink that can be waited on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from relay_bridge.agent.config_rest import RestGroup, RestSource
from relay_bridge.agent.drivers.base import OK
from relay_bridge.agent.drivers.rest import RestDriver, RestTag, make_driver
from tests.relay_bridge.agent.drivers.opcua.support import Recorder

# Faster than a file may ask for: the bounds are checked where the file is read.
TANK = RestGroup(id="tank", path="/tank", interval_s=0.05, value="/v", time="/t", time_format="ms")
PLAIN = RestGroup(id="plain", path="/plain", interval_s=0.05)
NOW = 1_795_370_000_000  # epoch ms


def source(url: str, *groups: RestGroup, **facts: Any) -> RestSource:
    named: dict[str, Any] = {"allow_insecure": True, "requests_per_second": 100, "first_byte_s": 0.5, "deadline_s": 1.0}
    return RestSource(id="main", url=url, group=list(groups or (PLAIN,)), **{**named, **facts})


def tag(id_: str, node: str, kind: str = "number") -> RestTag:
    return RestTag(id_, node, kind)  # type: ignore[arg-type]


def driver(settings: RestSource, *tags: RestTag, **facts: Any) -> RestDriver:
    return make_driver(settings, tags or [tag("level", "plain#/level")], chance=lambda: 0.0, **facts)


@contextlib.asynccontextmanager
async def running(made: RestDriver, watch: Iterable[str] = ()) -> AsyncIterator[Recorder]:
    """The driver at work; at the end nothing of it is left."""
    recorder = Recorder()
    made.watch(watch)
    before = asyncio.all_tasks()
    task = asyncio.create_task(made.run(recorder))
    try:
        await recorder.until(lambda: bool(recorder.states))
        yield recorder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    left = [one for one in asyncio.all_tasks() if one not in before and _belongs(one, made)]
    assert not [one for one in left if not one.done()], left


@contextlib.asynccontextmanager
async def live(made: RestDriver, watch: Iterable[str] = ()) -> AsyncIterator[Recorder]:
    """The driver at work and its source there."""
    async with running(made, watch) as recorder:
        await recorder.until_state(OK)
        yield recorder


def _belongs(task: asyncio.Task[Any], made: RestDriver) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_locals.get("self") is made
