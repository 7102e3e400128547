"""What the driver's tests share: a sink that can be waited on, a plant, and the tags of a plant."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from relay_bridge.agent.drivers.base import DOWN, OK
from relay_bridge.agent.drivers.opcua import OpcUaDriver, OpcUaSettings, OpcUaTag
from relay_bridge.contract.messages import SourceState
from relay_bridge.contract.readings import Reading
from relay_bridge.simulator.farm import NAMESPACE, VARIABLES
from tests.support.opcua_node.process import NAMESPACE as FARM_NAMESPACE

KINDS = {"number": "number", "text": "text", "bool": "bool", "enum": "number"}


class Recorder:
    """A sink that remembers everything and wakes whoever waits for something to become true."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.puts: list[tuple[str, Reading]] = []
        self.states: list[SourceState] = []
        self.times: list[float] = []  # monotonic, of the states
        self._changed = asyncio.Event()

    def put(self, tag: str, reading: Reading) -> None:
        self.readings[tag] = reading
        self.puts.append((tag, reading))
        self._changed.set()

    def source_state(self, source: str, state: SourceState) -> None:
        self.states.append(state)
        self.times.append(time.monotonic())
        self._changed.set()

    @property
    def state(self) -> SourceState:
        return self.states[-1]

    async def until(self, condition: Callable[[], bool], deadline: float = 30.0) -> None:
        async with asyncio.timeout(deadline):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):  # not everything that comes true announces itself
                    async with asyncio.timeout(0.1):
                        await self._changed.wait()

    async def until_reason(self, text: str, deadline: float = 30.0) -> SourceState:
        """The state that says this, which may be over by now."""
        await self.until(lambda: any(text in state.reason for state in self.states), deadline)
        return next(state for state in self.states if text in state.reason)

    async def until_state(self, code: int, deadline: float = 30.0) -> SourceState:
        await self.until(lambda: bool(self.states) and self.state.code == code, deadline)
        return self.state


def tag(node: str, **facts: object) -> OpcUaTag:
    kind = KINDS[VARIABLES[node].kind] if node in VARIABLES else "number"
    return OpcUaTag(node, f"nsu={NAMESPACE};s={node}", **{"kind": kind, **facts})


def tags(*nodes: str) -> list[OpcUaTag]:
    return [tag(node) for node in nodes]


ALL_TAGS = tags(*VARIABLES)


FIELDS = ("Level", "Temp", "Pressure", "Density", "TOV", "GOV", "GSV", "Flow", "Water", "Ullage")


def farm_tag(name: str, **facts: object) -> OpcUaTag:
    """A tag of the farm on node-opcua."""
    return OpcUaTag(name, f"nsu={FARM_NAMESPACE};s={name}", **facts)


def farm_names(tanks: int) -> list[str]:
    """The changing variables of that many tanks of the farm."""
    return [f"TK-{tank:03}.{field}" for tank in range(1, tanks + 1) for field in FIELDS]


def secure(folder: Path, policy: str, agent: str = "agent", mode: str = "SignAndEncrypt") -> dict[str, object]:
    """Settings of a secured channel, with the identity of ``agent`` and the farm's certificate as the pin."""
    return {
        "security": f"{policy}/{mode}",
        "allow_insecure": False,
        "client_cert": folder / f"{agent}.der",
        "client_key": folder / f"{agent}.pem",
        "server_cert": folder / "server.der",
    }


def settings(url: str, **facts: object) -> OpcUaSettings:
    return OpcUaSettings("main", url, **{"security": "None", "allow_insecure": True, "publish_ms": 200, **facts})


@contextlib.asynccontextmanager
async def running(driver: OpcUaDriver, watch: Iterable[str] = ()) -> AsyncIterator[Recorder]:
    """The driver at work, watching ``watch``; at the end none of its tasks is left."""
    recorder = Recorder()
    before = asyncio.all_tasks()  # of drivers that others share
    driver.watch(watch)
    task = asyncio.create_task(driver.run(recorder))
    try:
        yield recorder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    # A client object that was abandoned must not go on publishing in the background.
    mine = asyncio.all_tasks() - before
    left = [t for t in mine if "UaSession" in str(t.get_coro()) or "opcua goodbye" in t.get_name()]
    assert not [t for t in left if not t.cancelling()], left


@contextlib.asynccontextmanager
async def live(driver: OpcUaDriver, watch: Iterable[str] = ()) -> AsyncIterator[Recorder]:
    """The driver at work and its source there."""
    async with running(driver, watch) as recorder:
        await recorder.until_state(OK)
        yield recorder


__all__ = [
    "ALL_TAGS", "DOWN", "OK", "Recorder", "farm_names", "farm_tag", "live", "running", "secure", "settings", "tag",
    "tags",
]  # fmt: skip
