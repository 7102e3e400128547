"""A real session and whatever anybody may send to it: every call stays inside the configuration, and nothing breaks.

SIGHTLINE_FUZZ=200000 pytest tests/relay_bridge/agent/test_session_fuzz.py      100,000 calls
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import string
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.agent.session import MAX_IN_FLIGHT, Session
from relay_bridge.contract.codec import decode_from_agent
from relay_bridge.contract.messages import PARAMETERS, Answer
from relay_bridge.contract.readings import Reading, Value
from relay_bridge.contract.scopes import SCOPES, WRITE_SCOPES
from relay_bridge.protocol.errors import RelayError
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES, new_key
from tests.relay_bridge.agent.support import SiteFolder
from tests.support.fuzzing import BUDGET, LONG_RUN, examples

CALLS = examples(6000, 0.5)
BATCH = 24  # calls in flight at once
FAST = WRITES.replace("settle_s = 0\n", "settle_s = 0\nmin_interval_s = 0\n").replace("settle_s = 0.3", "settle_s = 0")
FAST = FAST.replace("min_interval_s = 5", "min_interval_s = 0")
LIMITS = "[limits]\nrequests_per_second = 100000\nwrites_per_minute_user = 60\nwrites_per_minute_site = 60"
TAGS = ("P-101.sp", "P-101.mode", "P-101.run", "P-101.lamp", "P-101.grade", "P-101.other")
COMMANDS = ("P-101.start", "P-101.stop")
ALLOWED: dict[str, Any] = {
    "P-101.sp": lambda v: isinstance(v, float) and 20 <= v <= 110 and v % 0.5 == 0,
    "P-101.mode": lambda v: type(v) is int and v in {0, 1, 2},
    "P-101.lamp": lambda v: False,  # needs two persons, and no token here names a second one
    "P-101.grade": lambda v: v in {"A", "B"},
    "P-101.run=true": lambda v: v is None,
    "P-101.run=false": lambda v: v is None,
}
SPELLINGS = (
    "{}\x00", "{} ", " {}", "{}/..", "../{}", "ns=2;s={}", "nsu=urn:plant;s={}", "{}.", ".{}", "opc.tcp://{}", "{}%2e",
    "i=2258", "ns=0;i=2258", "{}\u202e", "http://127.0.0.1/{}", "{}'; DROP TABLE actions; --", "",
)  # fmt: skip


class Watchful(MemoryDriver):
    """A source that holds every call made to it against what is configured."""

    def watch(self, tags: Iterable[str]) -> None:
        tags = list(tags)
        assert set(tags) <= set(TAGS)
        super().watch(tags)

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        assert set(tags) <= set(TAGS)
        return await super().read(tags, deadline)

    async def write(self, tag: str, value: Value, deadline: float) -> None:
        assert ALLOWED[tag](value), (tag, value)
        await super().write(tag, value, deadline)

    async def call(self, node: str, method: str, arguments: Sequence[Any], deadline: float) -> None:
        assert ALLOWED[method](None) and node == "nsu=urn:plant;s=P-101" and not arguments
        await super().call(node, method, arguments, deadline)


class Pipe:
    """A sealed session's two ends without the relay between them."""

    def __init__(self, thumbprint: str) -> None:
        self.peer_thumbprint = thumbprint
        self.to_agent: asyncio.Queue[bytes] = asyncio.Queue()
        self.from_agent: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, message: bytes) -> None:
        self.from_agent.put_nowait(message)

    async def receive(self) -> bytes:
        message = await self.to_agent.get()
        if message is GONE:
            raise RelayError("gone")
        return message

    async def close(self) -> None:
        pass


GONE = b"gone"


class Fuzzer:
    """One web app gone mad, with valid keys."""

    def __init__(self, folder: SiteFolder, agent: SiteAgent, seed: int) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.agent = agent
        self.answers: Counter[str] = Counter()
        self.number = 0
        self.handles: list[int] = [1]
        self.presented: dict[int, dict[str, Any]] = {}  # by the request's number: what its token is for
        self.changes: list[tuple[int, dict[str, Any]]] = []  # handles that are good for one change

    async def session(self, calls: int) -> int:
        """One session of at most so many calls; how many there were."""
        pipe = Pipe(self.folder.web_app_thumbprint)
        running = asyncio.create_task(Session(pipe, self.agent.site).run())
        self.handles, self.number, done = [1], 1, 0
        self.changes.clear()
        pipe.to_agent.put_nowait(b'{"i":1,"m":"hello","p":{"v":1}}')
        await self._answers(pipe, {1}, running)
        while done < calls and not running.done():
            batch = [self._call() for _ in range(self.rng.randrange(1, BATCH))]
            assert BATCH <= MAX_IN_FLIGHT
            for _, data in batch:
                pipe.to_agent.put_nowait(data)
            done += len(batch)
            await self._answers(pipe, {number for number, _ in batch if number}, running)
        pipe.to_agent.put_nowait(GONE)
        async with asyncio.timeout(20):
            why = await running
        assert "error of this agent" not in why
        return done

    async def _answers(self, pipe: Pipe, waiting: set[int], running: asyncio.Task[str]) -> None:
        """Every request is answered, or the session ends for something that was no message."""
        async with asyncio.timeout(20):
            while waiting and not (running.done() and pipe.from_agent.empty()):
                getting = asyncio.create_task(pipe.from_agent.get())
                await asyncio.wait({getting, running}, return_when=asyncio.FIRST_COMPLETED)
                if not getting.done():
                    getting.cancel()
                    continue
                message = decode_from_agent(getting.result())
                if not isinstance(message, Answer):
                    continue
                waiting.discard(message.i)
                word = message.e.c if message.e is not None else "result"
                assert word != "internal", message
                self.answers[word] += 1
                detail = self.presented.pop(message.i, None)
                if message.e is None and bytes(message.r).startswith(b'{"a":'):
                    handle = json.loads(bytes(message.r))["a"]
                    self.handles.append(handle)
                    if detail is not None:
                        self.changes.append((handle, detail))
        self.handles = self.handles[-8:]

    # --- what is sent -------------------------------------------------------------------------------------------------

    def _call(self) -> tuple[int, bytes]:
        """A request's number and bytes; number 0 for what may not be answered."""
        rng = self.rng
        self.number += 1
        if self.changes and rng.random() < 0.3:
            return self.number, self._change(*self.changes.pop())
        method = rng.choice((*PARAMETERS, "write", "cmd", "write", "cmd", "Write", "browse", "exec", ""))
        if rng.random() < 0.1:
            method = "auth"
        body: dict[str, Any] = {"i": self.number, "m": method}
        if rng.random() < 0.9:
            body["a"] = rng.choice(self.handles)
        if rng.random() < 0.95:
            body["p"] = self._parameters(method)
        data = json.dumps(body).encode()
        if rng.random() < 0.002:  # what is no message ends the session, and nothing else
            at = rng.randrange(len(data))
            return 0, data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        return self.number, data

    def _parameters(self, method: str) -> Any:
        rng = self.rng
        if method == "auth":
            return {"token": self._token()}
        shape = PARAMETERS.get(method)
        fields = shape.__struct_fields__ if shape is not None else ("tag", "v")
        values = {name: self._value(name) for name in fields if rng.random() < 0.97}
        if rng.random() < 0.02:
            values[rng.choice(("node", "url", "x"))] = self._name()
        return values if rng.random() < 0.98 else rng.choice((None, [], 1, "x", [values]))

    def _value(self, name: str) -> Any:
        rng = self.rng
        if rng.random() < 0.05:
            return self._anything(2)
        now = time.time_ns() // 1_000_000
        match name:
            case "tags":
                return [self._name() for _ in range(rng.choice((0, 1, 1, 2, 5, 201)))]
            case "tag" | "id":
                return self._name()
            case "v":
                return self._number_or_word() if name == "v" and rng.random() < 0.9 else 1
            case "exp":
                return rng.choice((60.0, 1, False, True, "A", self._number_or_word()))
            case "unit":
                return rng.choice(("%", "%", "", "bar"))
            case "key":
                return rng.choice((new_key(), "k" * 22, "k" * 21, "../" * 10))
            case "t" | "from" | "to" | "from_" | "start" | "end":
                return now + rng.choice((0, 0, 0, -9000, -11_000, 4000, 6000, -(10**9), 2**53, -1))
            case "rate" | "ms" | "n" | "max":
                return rng.choice((250, 1000, 60_000, 0, -1, 10**9))
            case "on" | "bg" | "fresh":
                return rng.random() < 0.5
            case "why" | "c" | "statement":
                return rng.choice(("", "because", "\u202e<b>" * 30))
            case _:
                return self._anything(2)

    def _name(self) -> str:
        rng = self.rng
        name = rng.choice((*TAGS, *COMMANDS))
        return name if rng.random() < 0.8 else rng.choice(SPELLINGS).format(name)

    def _number_or_word(self) -> Any:
        return self.rng.choice((
            70.0, 65.5, 61.0, 60.0, 2, 1, 0, True, False, "A", "B", "C", 1e308, -1e308, 10**30, 1.5, 110.5, 19.5, "70",
            None, 2**63, -0.0, 1e-320,
        ))  # fmt: skip

    def _anything(self, depth: int) -> Any:
        rng = self.rng
        pick = rng.randrange(7 if depth else 5)
        if pick == 5:
            return [self._anything(depth - 1) for _ in range(rng.randrange(4))]
        if pick == 6:
            return {self._name(): self._anything(depth - 1) for _ in range(rng.randrange(3))}
        text = "".join(rng.choices(string.printable + "\u0000\u202e🜁", k=rng.choice((1, 22, 500))))
        number = rng.choice((0, -1, 2**31, 2**53, 2**70, 0.1, 1e300))
        return (None, rng.random() < 0.5, number, text, self._name())[pick]

    def _token(self) -> str:
        rng = self.rng
        if rng.random() < 0.2:
            return rng.choice(("", "x", "a.b.c", "eyJ" * 2000, self._name()))
        now = int(time.time())
        if rng.random() < 0.5:
            return self.folder.token(scope=" ".join(set(SCOPES) - WRITE_SCOPES))
        setpoint = rng.random() < 0.7
        name = self._name()
        detail = {
            "type": "setpoint" if setpoint else "command",
            "tag": name, "value": self._near(name) if setpoint else True,
            "unit": rng.choice(("%", "")) if setpoint else "",
            "expected": self._present(name) if rng.random() < 0.8 else self._number_or_word(),
            "valid_until": now + rng.choice((20, 20, 20, 40, -5)),
        }  # fmt: skip
        scope = "setpoint:write" if setpoint else "command:execute"
        self.presented[self.number] = detail
        return self.folder.token(
            scope=scope,
            life=30,
            authorization_details=[detail],
            acr=rng.choice(("mfa", "mfa", "mfa", "pwd")),
            auth_time=now - 5,
        )

    def _change(self, handle: int, detail: dict[str, Any]) -> bytes:
        """Exactly what a token is for: so that some get past it, to the rules behind."""
        body = {"exp": detail["expected"], "key": new_key(), "t": time.time_ns() // 1_000_000}
        if detail["type"] == "setpoint":
            body |= {"tag": detail["tag"], "v": detail["value"], "unit": detail["unit"]}
        else:
            body |= {"id": detail["tag"]}
        method = "write" if detail["type"] == "setpoint" else "cmd"
        return json.dumps({"i": self.number, "m": method, "a": handle, "p": body}).encode()

    def _near(self, name: str) -> Any:
        present = self._present(name)
        near = type(present) is float and self.rng.random() < 0.5
        return present + self.rng.choice((0.5, -0.5)) if near else self._number_or_word()

    def _present(self, name: str) -> Any:
        """What somebody who looks would see there."""
        source = self.agent.drivers["main"]
        assert isinstance(source, MemoryDriver)
        reading = source._readings.get("P-101.run" if name in COMMANDS else name)
        return reading.value if reading is not None else 60.0


@pytest.mark.timeout(LONG_RUN if os.environ.get(BUDGET) else 60)
async def test_no_call_leaves_the_configuration_and_nothing_breaks(site: SiteFolder) -> None:
    site.configure(PLANT, FAST, LIMITS, head=OPEN_HEAD)
    memory = ReplayStore(site.folder / "state/admission.sqlite3")  # as if the agent had run before
    memory.open()
    memory.close()
    config = load_config(site.toml)
    source = Watchful("main", TAGS, config.sources[0].values)  # type: ignore[union-attr]
    agent = SiteAgent(config, {"main": source})
    running = asyncio.create_task(agent.run())
    try:
        acting = agent.site.acting
        assert acting is not None
        async with asyncio.timeout(10):
            while agent.site.catalog.row("P-101.sp") is None or acting.openings.writable("P-101.sp") is None:
                await asyncio.sleep(0.01)
        answers: Counter[str] = Counter()
        done = seed = 0
        while done < CALLS:
            fuzzer = Fuzzer(site, agent, seed)
            done += await fuzzer.session(min(1000, CALLS - done))
            answers += fuzzer.answers
            seed += 1
        assert not running.done()
        assert source.effects  # some got through to the plant, so the others could have too
        for name, value in source.effects:
            assert ALLOWED[name](value)
        for word in ("result", "auth", "role", "not_found", "bad_request", "unsupported"):
            assert answers[word], (word, answers)
        print(done, seed, dict(answers), len(source.effects))
    finally:
        agent.stop()
        await running
