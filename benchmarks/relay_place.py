"""The measured relay: ``sightline-relay`` with a listener and a sender of each kind, all of them programs of their own.

    our sender ────┐                      ┌──── our listener           (hybrid connection "ours")
    Node's sender ─┴── sightline-relay ───┴──── hyco-https, hyco-ws    ("hyco-https", "hyco-ws")

Without Node, or without Microsoft's packages beside it, ours is measured alone and ``node_missing`` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.programs import LOOPBACK, BenchError, Program
from benchmarks.worker import Worker
from hmi.sites.identity import make_identity
from tests.support.node import PACKAGES, NodeMissing, find

OURS, HYCO_HTTPS, HYCO_WS = "ours", "hyco-https", "hyco-ws"  # hybrid connections, each named for who listens
RULE = "bench"
LOG_TAIL = 2000  # characters of a log that are shown when something went wrong
NODE = Path(__file__).parent / "node"


@dataclass(frozen=True)
class Window:
    """What one order gave. Delays in ms; CPU in µs for each thing done, in steps of 10 ms for a whole window."""

    rate: float
    p50: float
    p95: float
    p99: float
    sender_cpu: float
    relay_cpu: float
    listener_cpu: float
    failed: int


class RelayPlace:
    """Made by ``running_relay``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node_missing = ""  # why Microsoft's clients are not in it, or
        self.node_versions = ""  # what is in it
        self.relay: Program
        self.listener: Worker
        self.sender: Worker
        self.node_listener: Worker | None = None
        self.node_sender: Worker | None = None
        self.port = 0
        self.connection = ""  # our connection string
        self._key = secrets.token_urlsafe(32)
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._stop = contextlib.ExitStack()

    async def start(self) -> None:
        file = self.folder / "relay.toml"
        file.touch(mode=0o600)
        file.write_text(self._config())
        relay = str(Path(sys.executable).parent / "sightline-relay")
        command = (relay, "--listen", f"{LOOPBACK}:0", "--config", str(file), "--log-level", "error")
        self.relay = Program.start("relay", command, self._environment, self.folder)
        self._stop.callback(self.relay.stop)
        self.port = int(await self.relay.wait_for_words(r"listening on ws://[0-9.]+:(\d+)"))
        self.connection = (
            f"Endpoint=sb://{LOOPBACK}:{self.port}/;EntityPath={OURS};SharedAccessKeyName={RULE};"
            f"SharedAccessKey={self._key};UseDevelopmentEmulator=true"
        )
        (agent, agent_files), (web, web_files) = self._identity("agent"), self._identity("web app")
        self.listener = await self._python("listener", **agent_files, peer=web)
        self.sender = await self._python("sender", **web_files, peer=agent, direct=self.listener.setting["direct"])
        await self._start_node()

    async def _python(self, name: str, **setting: Any) -> Worker:
        command = (sys.executable, "-m", f"benchmarks.relay_{name}")
        return await self._worker(name, command, {"connection": self.connection, **setting})

    async def _start_node(self) -> None:
        try:
            node = find()
        except NodeMissing as error:
            self.node_missing = str(error)
            return
        self.node_versions = await asyncio.to_thread(_versions, node)
        setting: dict[str, Any] = {
            "base": f"ws://{LOOPBACK}:{self.port}",
            "port": self.port,
            "key_name": RULE,
            "key": self._key,
            "http_path": HYCO_HTTPS,
            "http_paths": [HYCO_HTTPS, OURS],
            "ws_path": HYCO_WS,
        }
        self.node_listener = await self._worker("node-listener", (node, str(NODE / "listener.js")), setting)
        setting["direct"] = self.node_listener.setting["direct"]
        self.node_sender = await self._worker("node-sender", (node, str(NODE / "sender.js")), setting)

    async def _worker(self, name: str, command: tuple[str, ...], setting: dict[str, Any]) -> Worker:
        environment = self._environment | {"SIGHTLINE_NODE_MODULES": str(PACKAGES)}
        worker = await Worker.start(name, command, environment, self.folder, setting)
        self._stop.callback(worker.stop)
        return worker

    async def start_attacker(self) -> Worker:
        """Stop it when it is no longer needed."""
        return await self._python("attacker")

    def _config(self) -> str:
        paths = "".join(f'[[hybrid_connection]]\npath = "{path}"\n' for path in (OURS, HYCO_HTTPS, HYCO_WS))
        return f'{paths}[[rule]]\nname = "{RULE}"\nrights = ["Listen", "Send"]\nprimary_key = "{self._key}"\n'

    def _identity(self, side: Literal["agent", "web app"]) -> tuple[str, dict[str, str]]:
        """The certificate as text, and the files of certificate and key."""
        certificate, key = self.folder / f"{side}.pem", self.folder / f"{side}.key"
        certificate_pem, key_pem = make_identity(side, RULE, dt.datetime.now(dt.UTC))
        certificate.write_text(certificate_pem)
        key.touch(mode=0o600)
        key.write_text(key_pem)
        return certificate_pem, {"certificate": str(certificate), "key": str(key)}

    async def window(self, sender: Worker, listener: Worker, do: str, **order: Any) -> Window:
        """One order to ``sender``, and what it cost everybody. ``BenchError`` when nothing at all got through."""
        programs = sender.program, self.relay, listener.program
        before = [program.cpu for program in programs]
        answer = await sender.ask(do, **order)
        spent = [program.cpu - was for program, was in zip(programs, before, strict=True)]
        done = answer["done"]
        if not done:
            said = listener.program.log_text()[-LOG_TAIL:]
            raise BenchError(f"nothing got through at {do!r} of the {sender.program.name}: {answer['trouble']}\n{said}")
        return Window(
            rate=done / answer["seconds"],
            p50=answer["p50"],
            p95=answer["p95"],
            p99=answer["p99"],
            sender_cpu=spent[0] / done * 1e6,
            relay_cpu=spent[1] / done * 1e6,
            listener_cpu=spent[2] / done * 1e6,
            failed=answer["failed"],
        )

    def stop(self) -> None:
        self._stop.close()


def _versions(node: str) -> str:
    own = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    packages = [
        f"{name} {json.loads((PACKAGES / name / 'package.json').read_text(encoding='utf-8'))['version']}"
        for name in (HYCO_HTTPS, HYCO_WS)
    ]
    return ", ".join([f"Node {own.removeprefix('v')}", *packages])


@contextlib.asynccontextmanager
async def running_relay() -> AsyncIterator[RelayPlace]:
    """Everything started; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sightline-bench-relay-"))
    place = RelayPlace(folder)
    try:
        await place.start()
        yield place
    finally:
        place.stop()
        shutil.rmtree(folder, ignore_errors=True)
