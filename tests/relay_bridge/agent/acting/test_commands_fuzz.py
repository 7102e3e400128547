"""Commands on a bad day: doubled, late, out of order, answers lost, the agent gone in the middle; at any moment.

    SIGHTLINE_FUZZ=200000 pytest tests/relay_bridge/agent/acting/test_commands_fuzz.py      10,000 commands

A round is one site over several lives of its agent. Afterwards the source's own record is held against what the agent
says of every key: done and sent happened once, refused and forgotten never, unknown at most once; nothing happened
after its time, and nothing that is not in the list.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.acting import executor
from relay_bridge.agent.drivers.memory import ActingBehaviour, MemoryDriver
from relay_bridge.contract.acting import Cmd, Write
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import Value
from tests.relay_bridge.agent.acting.support import ANN, BOB, Bench, admitted, bench, new_key
from tests.relay_bridge.agent.support import ManualClock, SiteFolder
from tests.support.fuzzing import BUDGET, LONG_RUN, examples

COMMANDS = examples(600, 0.05)  # of a budget of 200,000: 10,000
A_ROUND = 50  # commands of one round
LIVES = 3  # of the agent in a round
WRITABLE = [f"T.{number}" for number in range(16)]
TTL_MS = 10_000
SOURCE = '[[source]]\nid = "main"\nkind = "memory"\n[source.values]\n"T.run" = false\n' + "\n".join(
    f'"{tag}" = 0.0' for tag in (*WRITABLE, "T.closed")
)
TAGS = (
    "\n".join(
        f'[[tag]]\nid = "{tag}"\nsource = "main"\narea = "a"\nunit = "m"\ndecimals = 2'
        for tag in (*WRITABLE, "T.closed")
    )
    + '\n[[tag]]\nid = "T.run"\nsource = "main"\nkind = "bool"'
)
WRITES = "\n".join(
    f'[[write]]\ntag = "{tag}"\ntype = "double"\nmin = 0\nmax = 100000\nstep = 0.5\nmin_interval_s = 0\nsettle_s = 0'
    for tag in WRITABLE
) + "\n".join(
    f'\n[[command]]\nid = "T.{word}"\nnode = "n"\nmethod = "T.run={text}"\nmin_interval_s = 0\nsettle_s = 0\n'
    f'expect = {{ tag = "T.run", equals = {before} }}'
    for word, text, before in (("start", "true", "false"), ("stop", "false", "true"))
)
LIMITS = "[limits]\nwrites_per_minute_user = 60\nwrites_per_minute_site = 60"


class Plant(MemoryDriver):
    """A source that outlives the agents, fails as it likes, and writes down what really happened and when."""

    def __init__(self, rng: random.Random, clock: ManualClock) -> None:
        values: dict[str, Value] = dict.fromkeys((*WRITABLE, "T.closed"), 0.0) | {"T.run": False}
        super().__init__("main", values, values)
        self._rng = rng
        self._clock = clock
        self.handed: dict[tuple[str, Value], int] = {}  # when it was asked for a write (epoch ms)

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        self.handed[tag, value] = self._clock.wall_ms()
        self._choose()
        await super().write(tag, value, deadline)

    async def call(self, node: str, method: str, arguments: Any, deadline: float) -> None:
        self._choose()
        await super().call(node, method, arguments, deadline)

    def _choose(self) -> None:
        """How this one call goes; the call takes it along."""
        self.behaviour = ActingBehaviour(
            before=self._rng.choice((0.0, 0.0, 0.002)),
            after=self._rng.choice((0.0, 0.0, 0.002)),
            refuse=0x803B0000 if self._rng.random() < 0.1 else None,
            effect=self._rng.random() < 0.9,
            lose_answer=self._rng.random() < 0.15,
        )


class Round:
    """One site, one plant, and everything that was ever asked of them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.clock = ManualClock()
        self.plant = Plant(self.rng, self.clock)
        self.folder = SiteFolder(folder)
        self.asked: list[tuple[Write | Cmd, str]] = []
        self.names = iter(
            range(4, 100_000)
        )  # halves from 2 on: to Python 1.0 is the same as True, which is asked for too

    async def run(self, commands: int) -> Counter[str]:
        for _ in range(LIVES):
            async with bench(
                self.folder, SOURCE, TAGS, WRITES, LIMITS, clock=self.clock, drivers={"main": self.plant}
            ) as built:
                await self._live(built, commands // LIVES + 1)
                if self.rng.random() < 0.7:
                    await _kill(built)
            self.clock.move(self.rng.choice((0, 1, 61)))
        async with bench(
            self.folder, SOURCE, TAGS, WRITES, LIMITS, clock=self.clock, drivers={"main": self.plant}
        ) as built:
            return await self._judge(built)

    def _make(self) -> Write | Cmd:
        rng, t = (
            self.rng,
            self.clock.wall_ms() - self.rng.choice((0, 0, 0, 0, 500, 9_999, 10_001, 60_000, -4_000, -60_000)),
        )
        if rng.random() < 0.15:
            word, before = rng.choice((("start", False), ("stop", True)))
            return Cmd(id=f"T.{word}", exp=before, key=new_key(), t=t)
        tag = rng.choice((*WRITABLE, *WRITABLE, *WRITABLE, "T.closed", "T.run", "T.none"))
        value: Any = next(self.names) / 2  # another one for each, so that the plant's record names it
        if rng.random() < 0.1:
            value = rng.choice((value + 0.25, -value, 1e9 + value, float(2**53), True, "1", 10**15))
        reading = self.plant._readings.get(tag)
        expected: Any = reading.value if reading is not None else 0.0
        if rng.random() < 0.1:
            expected = rng.choice((expected, 12345.5, "x", True))
        return Write(tag=tag, v=value, exp=expected, unit=rng.choice(("m",) * 30 + ("",)), key=new_key(), t=t)

    async def _live(self, built: Bench, commands: int) -> None:
        asking: list[asyncio.Task[Any]] = []
        for _ in range(commands):
            if self.asked and self.rng.random() < 0.25:
                request, sub = self.rng.choice(self.asked)  # again: from just now, or from another life
            else:
                request, sub = self._make(), self.rng.choice((ANN, BOB))
                self.asked.append((request, sub))
            asking += [
                asyncio.create_task(self._ask(built, request, sub, self.rng.choice((0.0, 0.0, 0.001, 0.005))))
                for _ in range(self.rng.choice((1, 1, 1, 2, 3)))
            ]
            if self.rng.random() < 0.3:
                await asyncio.sleep(self.rng.choice((0.0, 0.001, 0.004)))
            if self.rng.random() < 0.2:
                self.clock.move(self.rng.choice((0.1, 2.0, 9.0)))
            if self.rng.random() < 0.05:
                self.rng.choice(asking).cancel()  # the session is lost, its answer with it
        if self.rng.random() < 0.6:
            await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, built: Bench, request: Write | Cmd, sub: str, delay: float) -> None:
        await asyncio.sleep(delay)  # later than others that were asked after it
        token = admitted(request, self.clock, sub=sub)
        with contextlib.suppress(RequestRefused):
            await (
                built.acting.write(request, token, "s")
                if isinstance(request, Write)
                else built.acting.cmd(request, token, "s")
            )

    async def _judge(self, built: Bench) -> Counter[str]:
        happened = Counter(self.plant.effects)
        told: Counter[str] = Counter()
        commands: dict[str, Counter[str]] = {"T.run=true": Counter(), "T.run=false": Counter()}
        explained = 0
        for request, sub in {request.key: (request, sub) for request, sub in self.asked}.values():
            answer = await built.acting.outcome(sub, request.key)
            word = answer.res if answer is not None else "forgotten"
            assert answer is None or not answer.pending
            told[word] += 1
            if isinstance(request, Cmd):
                commands["T.run=true" if request.id == "T.start" else "T.run=false"][word] += 1
                continue
            count = happened[request.tag, request.v]
            explained += count
            # "sent" is said of a source that took it and shows otherwise: here it may have said yes and done nothing.
            allowed = {"done": {1}, "sent": {0, 1}, "unknown_outcome": {0, 1}}.get(word, {0})
            assert count in allowed, (word, count, request)
            if count:
                age = self.plant.handed[request.tag, request.v] - request.t
                assert -5_000 <= age <= TTL_MS, (age, request)
                assert request.tag in WRITABLE and 0 <= request.v <= 100_000 and request.v % 0.5 == 0
        calls = sum(count for (name, _), count in happened.items() if name in commands)
        assert explained + calls == sum(happened.values()), "something happened that nobody asked for"
        for name, words in commands.items():
            assert words["done"] <= happened[name, None] <= words["done"] + words["sent"] + words["unknown_outcome"]
        return told


async def _kill(built: Bench) -> None:
    """As far as a process can be killed inside another: from one moment to the next nothing is written any more."""
    store = built.acting._store
    connection, store._connection = store._connection, None
    assert connection is not None and store._worker is not None
    closed = store._worker.submit(connection.close)  # in the thread that uses it, after what it is at
    running = [found.task for found in built.acting._executor._running.values()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await asyncio.wrap_future(closed)


@pytest.mark.timeout(LONG_RUN if os.environ.get(BUDGET) else 60)
@pytest.mark.parametrize("share", range(4))
async def test_each_command_is_done_once_or_not_at_all(
    tmp_path: Path, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "FINISH_WITHIN", 0.05)
    told: Counter[str] = Counter()
    left, number = COMMANDS // 4, 0
    while left > 0:
        told += await Round(tmp_path / str(number), share * 100_000 + number).run(min(left, A_ROUND))
        left, number = left - A_ROUND, number + 1
    assert set(told) >= {"done", "refused", "forgotten"}, told  # the day was bad, and not only bad
    print(dict(told))
