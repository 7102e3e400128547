"""Start, ask, freeze and stop the server; its certificate and the certificates that it trusts are files in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import json
import os
import shutil
import signal
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from asyncua.crypto import cert_gen
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support import node

START_DEADLINE = 40.0  # seconds; two on an idle machine
ASK_DEADLINE = 10.0
STOP_DEADLINE = 5.0
LONGEST_LINE = 1024 * 1024
ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "urn:test:farm:things"


def make_farm_folder(folder: Path, trusted: Mapping[str, Path] | None = None) -> Path:
    """A folder with the server's own certificate (server.pem, server.key, server.der) and copies of trusted ones."""
    folder.mkdir(parents=True, exist_ok=True)
    key = cert_gen.generate_private_key()
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier("urn:test:farm"),
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = cert_gen.generate_self_signed_app_certificate(key, "farm", {}, names, [ExtendedKeyUsageOID.SERVER_AUTH], 400)
    (folder / "server.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "server.der").write_bytes(made.public_bytes(Encoding.DER))
    (folder / "server.key").write_bytes(cert_gen.dump_private_key_as_pem(key))
    # The server's certificate store wants a key of its own, which it would otherwise spend a second on making.
    own = folder / "pki" / "own" / "private"
    own.mkdir(parents=True)
    shutil.copy(folder / "server.key", own / "private_key.pem")
    for name, certificate in (trusted or {}).items():
        shutil.copy(certificate, folder / name)
    return folder


class FarmServer:
    """``async with FarmServer(folder, tanks=200) as farm: farm.url; await farm.ask("counts")``.

    The options are those of server.js. Raises ``NodeMissing`` where there is no Node.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.url = ""
        self.port = 0
        self._options = {"folder": str(folder), **options}
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._said: deque[str] = deque(maxlen=20)
        self._readers: list[asyncio.Task[None]] = []
        self._ready: asyncio.Future[dict[str, Any]]
        self._frozen = False

    async def __aenter__(self) -> Self:
        self._ready = asyncio.get_running_loop().create_future()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
        self.process = await asyncio.create_subprocess_exec(
            node.find(node.OPCUA_SERVER), "server.js", json.dumps(self._options),
            cwd=node.OPCUA_SERVER.folder, env=environment, limit=LONGEST_LINE,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_errors())]
        try:
            async with asyncio.timeout(START_DEADLINE):
                ready = await self._ready
        except BaseException:
            await self.kill()
            raise
        self.url, self.port = ready["ready"], ready["port"]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.thaw()
        if self.process.returncode is None:
            with contextlib.suppress(ConnectionError):
                self._stdin.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_DEADLINE):
                    await self.process.wait()
        await self.kill()

    async def ask(self, what: str, **command: Any) -> dict[str, Any]:
        """The server's answer to a command of its stdin."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._stdin.write(json.dumps({"id": number, "do": what, **command}).encode() + b"\n")
        async with asyncio.timeout(ASK_DEADLINE):
            said: dict[str, Any] = await answer
        if "error" in said:
            raise AssertionError(f"{what}: {said['error']}")
        return said

    def freeze(self) -> None:
        """Stop the process where it is; its sockets stay open and accept."""
        self.process.send_signal(signal.SIGSTOP)
        self._frozen = True

    def thaw(self) -> None:
        if self._frozen and self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
        self._frozen = False

    async def kill(self) -> None:
        """End it at once, as a crash does."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        await asyncio.gather(*self._readers)

    @property
    def _stdin(self) -> asyncio.StreamWriter:
        assert self.process.stdin is not None
        return self.process.stdin

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if not line.startswith(b"{"):
                self._said.append(line.decode(errors="replace"))  # a word of the library's own
                continue
            said = json.loads(line)
            if "ready" in said:
                self._ready.set_result(said)
            elif (waiting := self._waiting.pop(said["id"], None)) is not None and not waiting.done():
                waiting.set_result(said)
        error = AssertionError("the server ended: " + "".join(self._said))
        for future in [self._ready, *self._waiting.values()]:
            if not future.done():
                future.set_exception(error)
                future.exception()  # it may be that nobody asks

    async def _read_errors(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self._said.append(line.decode(errors="replace"))
