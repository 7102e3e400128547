"""The measured plant: a process server on node-opcua, a relay, the real ``sightline-site``; each a program of its own.

The measuring process is the web app: it opens a sealed session through the relay and watches, as a page would. Without
Node there is no process server that shares no code with ours; then nothing is measured, and ``NodeMissing`` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from benchmarks.programs import LOOPBACK, Program
from relay_bridge.contract.messages import MAX_TAGS, Sub, SubAnswer
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.transport import InnerTls, RelaySender, SecureSession
from tests.relay_bridge.agent.support import HEAD, SiteFolder, WebApp
from tests.support.opcua_node import FarmServer, make_farm_folder
from tests.support.opcua_node.process import NAMESPACE

FIELDS = ("Level", "Temp", "Pressure", "Density", "TOV", "GOV", "GSV", "Flow", "Water", "Ullage")  # of farm.js
CONNECT = 5.0  # seconds for one step of opening a session
LISTEN_KEY, SEND_KEY = "bGlzdGVuLWtleQ==", "c2VuZC1rZXk="
RELAY = f"""
[[hybrid_connection]]
path = "north"
[[rule]]
name = "agent"
rights = ["Listen"]
primary_key = "{LISTEN_KEY}"
[[rule]]
name = "web"
rights = ["Send"]
primary_key = "{SEND_KEY}"
"""
SOURCE = """
[limits]
tags_per_session = 5000
requests_per_second = 100000

[history]
ring = "{ring}"
max_tags = 5000

[[source]]
id = "main"
kind = "opcua"
url = "{url}"
security = "None"
allow_insecure = true
publish_ms = {publish}
"""
TAG = """
[[tag]]
id = "{tag}"
source = "main"
node = "nsu={namespace};s={tag}"
area = "Farm"
decimals = 3
"""


def tag_names(count: int) -> list[str]:
    """The first ``count`` variables of a farm with enough tanks."""
    return [f"TK-{place // len(FIELDS) + 1:03d}.{FIELDS[place % len(FIELDS)]}" for place in range(count)]


def tanks_for(count: int) -> int:
    return -(-count // len(FIELDS))


class AgentPlace:
    """Made by ``agent_place``: the relay runs, everything else is started by the measurements."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = SiteFolder(folder / "site")
        self.relay: Program
        self.port = 0
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._farms = 0

    async def start_relay(self) -> None:
        file = self.folder / "relay.toml"
        file.touch(mode=0o600)
        file.write_text(RELAY)
        command = (_program("sightline-relay"), "--listen", f"{LOOPBACK}:0", "--config", str(file))
        self.relay = Program.start("relay", (*command, "--log-level", "warning"), self._environment, self.folder)
        self.port = int(await self.relay.wait_for_words(r"listening on ws://[0-9.]+:(\d+)"))
        self.site.relay_port(self.port)

    def farm(self, **options: object) -> FarmServer:
        """A process server; ``async with`` starts and ends it."""
        self._farms += 1
        return FarmServer(make_farm_folder(self.folder / f"farm-{self._farms}"), **options)

    def configure(self, url: str, tags: list[str], *, ring: str = "off", publish: int = 1000) -> Path:
        """site.toml with these tags, one entry each; ``publish`` in ms."""
        rows = (TAG.format(tag=tag, namespace=NAMESPACE) for tag in tags)
        return self.site.configure(SOURCE.format(ring=ring, url=url, publish=publish), "".join(rows), head=HEAD)

    @contextlib.asynccontextmanager
    async def agent(self, *, before: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Program]:
        """The agent as configured, online at the relay; with a new folder of state, into which ``before`` may put
        something."""
        for name in ("state", "audit"):
            shutil.rmtree(self.site.folder / name, ignore_errors=True)
        if before is not None:
            await before()
        command = (_program("sightline-site"), "run", "--config", str(self.site.toml))
        program = Program.start("agent", command, self._environment, self.folder)
        try:
            await program.wait_for_words(r": listening")
            yield program
        finally:
            program.stop()

    def run_check(self) -> list[str]:
        """The command line of ``sightline-site check`` for what is configured."""
        return [_program("sightline-site"), "check", "--config", str(self.site.toml)]

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[WebApp, int]]:
        """A sealed session past its hello, and the handle of a token for live data and history."""
        text = (
            f"Endpoint=sb://{LOOPBACK}:{self.port}/;EntityPath=north;SharedAccessKeyName=web;"
            f"SharedAccessKey={SEND_KEY};UseDevelopmentEmulator=true"
        )
        stream = await RelaySender(parse_connection_string(text)).connect(timeout=CONNECT)
        certificate, key = self.site.web_app.write(self.folder / "web-app")
        tls = InnerTls("client", certificate, key, self.site.agent.cert_pem)
        channel = await SecureSession.connect(stream, tls, deadline=CONNECT)
        try:
            web_app = WebApp(channel)
            await web_app.hello()
            yield web_app, (await web_app.auth(self.token())).a
        finally:
            await channel.close()

    def token(self) -> str:
        return self.site.token(scope="data:live data:history", life=120)


async def subscribe(web_app: WebApp, handle: int, tags: list[str], rate: int) -> dict[int, str]:
    """Watch ``tags`` every ``rate`` ms; the tag of each handle of the stream."""
    names: dict[int, str] = {}
    for first in range(0, len(tags), MAX_TAGS):
        wish = Sub(tags=tags[first : first + MAX_TAGS], rate=rate)
        answer = await web_app.call("sub", SubAnswer, wish, handle)
        names |= {number: tag for tag, number in answer.h.items()}
    return names


@contextlib.asynccontextmanager
async def agent_place() -> AsyncIterator[AgentPlace]:
    """Everything is stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sightline-bench-agent-"))
    place = AgentPlace(folder)
    try:
        await place.start_relay()
        yield place
    finally:
        if hasattr(place, "relay"):
            place.relay.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def until(condition: Callable[[], object], seconds: float, what: str) -> float:
    """Seconds until ``condition()`` holds; ``TimeoutError`` says what was waited for."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
