"""A real agent, killed (SIGKILL) while it writes, over a real relay; and what it says of every key afterwards.

SIGHTLINE_FUZZ=200000 pytest tests/relay_bridge/agent/acting/test_killed.py      200 kills, 10,000 changes
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.contract.acting import ActAnswer, Write, Wstat
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Answer, CatalogAnswer, CatalogQuery, Read, ReadAnswer
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.protocol.errors import RelayError
from relay_bridge.transport import InnerTls, RelaySender, SecureSession
from tests.relay_bridge.agent.acting.killed_agent import read_plant
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, new_key
from tests.relay_bridge.agent.conftest import NAMESPACE
from tests.relay_bridge.agent.support import SiteFolder, WebApp
from tests.support.fuzzing import BUDGET, LONG_RUN, examples

KILLS = examples(3, 0.001)
TAGS = [f"T.{number}" for number in range(50)]
WINDOW = 25  # requests that are under way together; a session takes 32
TTL_MS = 10_000
PLANT = "\n".join(
    ['[[source]]\nid = "main"\nkind = "memory"']
    + [f'[[tag]]\nid = "{tag}"\nsource = "main"\narea = "a"\nunit = "m"\ndecimals = 2' for tag in TAGS]
    + [
        f'[[write]]\ntag = "{tag}"\ntype = "double"\nmin = 0\nmax = 100000\nmin_interval_s = 0\nsettle_s = 0'
        for tag in TAGS
    ]
)


class Victim:
    """The agent's process, a relay, and one person's wishes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.site = SiteFolder(folder)
        self.site.configure(PLANT, head=OPEN_HEAD)
        self.site.relay_port(port)
        self.plant = folder / "plant.txt"
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        # As on a machine where the agent has run before: a new memory lets no write in for 90 s.
        memory = ReplayStore(folder / "state/admission.sqlite3")
        memory.open()
        memory.close()

    async def start(self) -> None:
        module = "tests.relay_bridge.agent.acting.killed_agent"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, str(self.site.toml), str(self.plant),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            assert await self._process.stdout.readline() == b"online\n"

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    @contextlib.asynccontextmanager
    async def web_app(self) -> AsyncIterator[WebApp]:
        text = (
            f"Endpoint=sb://127.0.0.1:{self._port}/;EntityPath=north;SharedAccessKeyName=web;"
            "SharedAccessKey=c2VuZC1rZXk=;UseDevelopmentEmulator=true"
        )
        stream = await RelaySender(parse_connection_string(text)).connect(timeout=5.0)
        cert, key = self.site.web_app.write(self.site.folder / "own")
        tls = InnerTls("client", cert, key, self.site.agent.cert_pem)
        channel = await SecureSession.connect(stream, tls, deadline=5.0)
        try:
            web_app = WebApp(channel)
            await web_app.hello()
            yield web_app
        finally:
            with contextlib.suppress(RelayError):
                await channel.close()

    def token(self, write: Write) -> str:
        now = int(time.time())
        detail = {
            "type": "setpoint", "tag": write.tag, "value": write.v, "unit": write.unit, "expected": write.exp,
            "valid_until": now + 20,
        }  # fmt: skip
        return self.site.token(
            scope="setpoint:write", life=30, authorization_details=[detail], acr="mfa", auth_time=now - 5
        )


async def until_open(web_app: WebApp, handle: int) -> None:
    """Return when every tag may be written."""
    async with asyncio.timeout(10):
        while True:
            page = await web_app.call("catalog", CatalogAnswer, CatalogQuery(), handle)
            if all(tag.w is not None for tag in page.tags):
                return
            await asyncio.sleep(0.05)


async def readings(web_app: WebApp, handle: int) -> dict[str, float]:
    answer = await web_app.call("read", ReadAnswer, Read(tags=TAGS, fresh=True), handle)
    return {item[0]: item[1] for item in answer.d}


async def outcome(web_app: WebApp, key: str, handle: int) -> str:
    while True:
        try:
            answer = await web_app.call("wstat", ActAnswer, Wstat(key=key), handle)
        except RequestRefused as refusal:
            assert refusal.code == "not_found", refusal
            return "forgotten"
        if not answer.pending:
            return answer.res


@pytest.mark.timeout(LONG_RUN if os.environ.get(BUDGET) else 60)
async def test_killed_agent_tells_the_truth_afterwards(tmp_path: Path) -> None:
    told: Counter[str] = Counter()
    asked: dict[str, Write] = {}
    first_told: dict[str, str] = {}
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay:
        victim = Victim(tmp_path, relay.port)
        for kill in range(KILLS + 1):
            await victim.start()
            try:
                async with victim.web_app() as web_app:
                    reader = (await web_app.auth(victim.site.token(scope="data:live status:read"))).a
                    for key in asked.keys() - first_told.keys():
                        first_told[key] = await outcome(web_app, key, reader)
                    if kill < KILLS:
                        await _write_and_be_killed(victim, web_app, reader, asked, random.Random(kill))
                    else:
                        for key, before in first_told.items():
                            assert await outcome(web_app, key, reader) == before  # the truth does not change
            finally:
                await victim.kill()
    happened = Counter((tag, value) for tag, value, _ in read_plant(victim.plant))
    when = {(tag, value): at for tag, value, at in read_plant(victim.plant)}
    for key, write in asked.items():
        word, count = first_told[key], happened[write.tag, float(write.v)]
        told[word] += 1
        assert count in {"done": {1}, "sent": {1}, "unknown_outcome": {0, 1}}.get(word, {0}), (word, count, write)
        if count:
            assert 0 <= when[write.tag, float(write.v)] - write.t <= TTL_MS
    assert sum(happened.values()) == sum(happened[write.tag, float(write.v)] for write in asked.values())
    assert told["done"] + told["unknown_outcome"] > 0, told
    print(f"{KILLS} kills, {len(asked)} changes asked for: {dict(told)}, {sum(happened.values())} effects")


async def _write_and_be_killed(
    victim: Victim, web_app: WebApp, reader: int, asked: dict[str, Write], rng: random.Random
) -> None:
    """Fifty writes, every second one twice, many at a time, and the end at a random moment of them."""
    await until_open(web_app, reader)
    now = await readings(web_app, reader)
    requests: list[tuple[Write, int]] = []
    for number, tag in enumerate(TAGS):
        write = Write(
            tag=tag, v=float(len(asked) + 1), exp=now[tag], unit="m", key=new_key(), t=time.time_ns() // 1_000_000
        )
        asked[write.key] = write
        handles = [(await web_app.auth(victim.token(write))).a for _ in range(1 + number % 2)]
        requests += [(write, handle) for handle in handles]
    rng.shuffle(requests)
    dying = asyncio.create_task(_die(victim, 0.4 * rng.random()))
    with contextlib.suppress(RelayError):
        for first in range(0, len(requests), WINDOW):
            window = requests[first : first + WINDOW]
            waiting = {await web_app.send_request("write", write, handle) for write, handle in window}
            while waiting:
                answer = await web_app.receive()
                waiting.discard(answer.i if isinstance(answer, Answer) else 0)
    await dying


async def _die(victim: Any, after: float) -> None:
    await asyncio.sleep(after)
    await victim.kill()
