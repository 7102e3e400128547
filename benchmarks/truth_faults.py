"""What goes wrong during the truth measurement, and when each hop was dead beyond doubt.

Every episode begins, holds, ends, and is followed by a rest. ``dead``: nothing from the plant can reach a phone
between begin and end, so after the honest bound everything on the pages must be marked until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from asyncua import Client, ua

from benchmarks.programs import LOOPBACK, ROOT
from relay_bridge.simulator.farm import NAMESPACE
from tests.support.demo import Demo

AHEAD = 40.0  # seconds by which the plant's clock is ahead in one of the episodes
BAD_TANKS = ("TK-101", "TK-103", "TK-205")  # the first is the one whose page is open
DEADLINE = 5.0  # seconds for an order to the plant or the relay


@dataclass(frozen=True)
class Episode:
    """Seconds ``hold`` and ``rest``; ``begin`` answers what ends it, or ``None`` when it ends by itself."""

    name: str
    begin: Callable[[], Awaitable[Callable[[], Awaitable[None]] | None]]
    hold: float
    dead: bool = False
    reload: bool = False  # the pages are opened anew in the middle
    acknowledge: bool = False  # alarms are acknowledged on the page and at the plant meanwhile
    rest: float = 12.0


@dataclass(frozen=True)
class Happened:
    """An episode as it was; epoch ms. ``dead`` as above."""

    name: str
    begun: int
    ended: int
    dead: bool


class Trouble:
    """The demo's programs, its plant's and its relay's fault switches, and the phone's network."""

    def __init__(self, demo: Demo, ports: dict[str, int], offline: Callable[[bool], Awaitable[None]]) -> None:
        self._demo, self._ports, self._offline = demo, ports, offline
        self._token = (demo.directory / "relay-management.token").read_text().strip()
        self._ahead: subprocess.Popen[bytes] | None = None

    def episodes(self) -> list[Episode]:
        tank = ",".join(f"{name}.Level,{name}.GOV" for name in BAD_TANKS)
        return [
            Episode("values stuck", self._plant("stick/12"), 13),
            Episode("the server's clock stands", self._plant("freeze/12"), 11, dead=True),
            Episode("bad quality", self._plant(f"bad-quality={tank}/12"), 13),
            Episode("uncertain quality", self._plant("uncertain-quality=TK-101.*,TK-104.Level/12"), 13),
            Episode("the plant drops every connection", self._plant("comms-loss/10"), 9, dead=True),
            Episode("alarms raised and acknowledged", self._plant("alarm-burst=5/25"), 27, acknowledge=True),
            Episode("instruments fail together", self._plant("alarm-flood=30/20"), 22, acknowledge=True),
            Episode("the plant hangs", self._freeze("plant"), 10, dead=True, reload=True),
            Episode("the plant is killed", self._kill("plant"), 8, dead=True),
            Episode("the plant's clock is ahead", self._clock_ahead, 20, rest=15),
            Episode("the agent is killed", self._kill("agent"), 8, dead=True, reload=True),
            Episode("the agent hangs", self._freeze("agent"), 10, dead=True),
            Episode("the relay is killed", self._kill("relay"), 8, dead=True),
            Episode("the relay hangs", self._freeze("relay"), 10, dead=True, reload=True),
            Episode("the relay reads nothing", self._switch("freeze"), 9, dead=True),
            Episode("the relay cuts the listener", self._switch("drop_control_channels", path="demo"), 6),
            Episode("the relay is slow", self._switch("throttle", bytes_per_second=1500), 14),
            Episode("the relay flips a bit", self._switch("corrupt_next_frame"), 5),
            Episode("the web app is killed", self._kill("web"), 6, dead=True),
            Episode("the web app hangs", self._freeze("web"), 10, dead=True),
            Episode("the phone has no network", self._no_network, 9, dead=True),
            Episode("the pages are opened anew", self._nothing, 4, reload=True, rest=6),
        ]

    async def acknowledge_at_plant(self) -> None:
        """As another operator station would: what stands unacknowledged there is acknowledged, one of it."""
        seen: asyncio.Queue[Any] = asyncio.Queue()

        class Ear:
            def event_notification(self, event: Any) -> None:
                seen.put_nowait(event)

        async with asyncio.timeout(DEADLINE), Client(self._url, timeout=DEADLINE) as client:
            subscription = await client.create_subscription(100, Ear())
            await subscription.subscribe_alarms_and_conditions(queuesize=1000)
            number = ua.Variant(subscription.subscription_id, ua.VariantType.UInt32)
            await client.get_node(ua.NodeId(ua.ObjectIds.ConditionType)).call_method(
                ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh), number
            )
            while True:
                event = await seen.get()
                facts = {name: value.Value for name, value in event.get_event_props_as_fields_dict().items()}
                if facts.get("AckedState/Id") is False and facts.get("Retain"):
                    break
            await client.get_node(facts["NodeId"]).call_method(
                ua.NodeId(ua.ObjectIds.AcknowledgeableConditionType_Acknowledge),
                ua.Variant(facts["EventId"], ua.VariantType.ByteString),
                ua.Variant(ua.LocalizedText("by another station"), ua.VariantType.LocalizedText),
            )

    # --- kinds of trouble -----------------------------------------------------------------------------------------

    @property
    def _url(self) -> str:
        return f"opc.tcp://{LOOPBACK}:{self._ports['plant']}"

    async def _nothing(self) -> None:
        return None

    def _plant(self, order: str) -> Callable[[], Awaitable[None]]:
        async def begin() -> None:
            async with asyncio.timeout(DEADLINE), Client(self._url, timeout=DEADLINE) as client:
                index = await client.get_namespace_index(NAMESPACE)
                faults = client.get_node(ua.NodeId("Faults", index))
                with contextlib.suppress(ConnectionError):
                    await faults.call_method(ua.NodeId("Faults.Apply", index), order)

        return begin

    def _kill(self, name: str) -> Callable[[], Awaitable[Callable[[], Awaitable[None]]]]:
        async def begin() -> Callable[[], Awaitable[None]]:
            return _later(await asyncio.to_thread(self._demo.kill, name))

        return begin

    def _freeze(self, name: str) -> Callable[[], Awaitable[Callable[[], Awaitable[None]]]]:
        async def begin() -> Callable[[], Awaitable[None]]:
            return _later(await asyncio.to_thread(self._demo.freeze, name))

        return begin

    async def _clock_ahead(self) -> Callable[[], Awaitable[None]]:
        """The plant goes on under a clock that is ahead: another process in its place."""
        bring_back = await asyncio.to_thread(self._demo.kill, "plant")
        command = [sys.executable, "-m", "benchmarks.truth_plant", str(self._ports["plant"]), str(AHEAD)]
        self._ahead = await asyncio.to_thread(
            subprocess.Popen, command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

        async def end() -> None:
            await asyncio.to_thread(self.stop)
            await asyncio.to_thread(bring_back)

        return end

    def stop(self) -> None:
        """End what the demo does not know of."""
        if self._ahead is not None and self._ahead.poll() is None:
            self._ahead.kill()
            self._ahead.wait(DEADLINE)

    def _switch(self, name: str, **arguments: Any) -> Callable[[], Awaitable[Callable[[], Awaitable[None]]]]:
        async def begin() -> Callable[[], Awaitable[None]]:
            await asyncio.to_thread(self._relay, "POST", f"/{name}", arguments)

            async def end() -> None:
                await asyncio.to_thread(self._relay, "DELETE", "", None)

            return end

        return begin

    def _relay(self, method: str, path: str, arguments: dict[str, Any] | None) -> None:
        request = urllib.request.Request(
            f"http://{LOOPBACK}:{self._ports['management']}/faults{path}",
            method=method,
            data=None if arguments is None else json.dumps(arguments).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            answer.read()

    async def _no_network(self) -> Callable[[], Awaitable[None]]:
        await self._offline(True)
        return lambda: self._offline(False)


class Play:
    """Plays the episodes in a changing order until the time is over."""

    def __init__(self, episodes: list[Episode], seed: int, say: Callable[[str], None]) -> None:
        self._episodes, self._dice, self._say = episodes, random.Random(seed), say
        self.happened: list[Happened] = []

    async def run(
        self, seconds: float, reload: Callable[[], Awaitable[None]], acknowledge: Callable[[], Awaitable[None]]
    ) -> None:
        deadline = time.monotonic() + seconds
        while True:
            for episode in self._dice.sample(self._episodes, len(self._episodes)):
                if time.monotonic() + episode.hold + episode.rest > deadline:
                    return
                self._say(episode.name)
                try:
                    await self._one(episode, reload, acknowledge)
                except (OSError, TimeoutError, ua.UaError, AssertionError) as error:
                    # A slow machine: the fault could not be ordered. It is told, and does not count as having been.
                    self._say(f"{episode.name}: left out, {error or type(error).__name__}")
                await asyncio.sleep(episode.rest)

    async def _one(
        self, episode: Episode, reload: Callable[[], Awaitable[None]], acknowledge: Callable[[], Awaitable[None]]
    ) -> None:
        end = await episode.begin()
        begun = _now()
        held = time.monotonic() + episode.hold
        try:
            if episode.acknowledge:
                await asyncio.sleep(4)
                await acknowledge()
            if episode.reload:
                await asyncio.sleep(episode.hold * 0.6)
                await reload()
            await asyncio.sleep(max(0.0, held - time.monotonic()))
        finally:
            ended = _now()
            if end is not None:
                await end()
        self.happened.append(Happened(episode.name, begun, ended, episode.dead))


def _later(bring_back: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def end() -> None:
        await asyncio.to_thread(bring_back)

    return end


def _now() -> int:
    return round(time.time() * 1000)
