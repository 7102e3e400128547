"""One of our Node programs as the tests see it: a process that answers, and lives as long as its role is tested."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import deque
from pathlib import Path
from typing import Any, Self

from tests.support import node

DEADLINE = 20.0  # seconds for any one answer
STOP_DEADLINE = 5.0  # seconds a program has to end after its stdin did
LONGEST_LINE = 1_048_576  # bytes of one answer


class PeerFailed(AssertionError):  # noqa: N818 - the name says what happened
    """A Node program raised, ended or did not answer; with what it wrote to stderr last."""


class NodePeer:
    """``async with NodePeer("http_sender.js", ca) as peer: await peer.ask("request", method="GET", ...)``."""

    def __init__(self, program: str, authority: Path | None = None) -> None:
        self._program = program
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
        if authority is not None:
            self._environment["NODE_EXTRA_CA_CERTS"] = str(authority)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._said: deque[str] = deque(maxlen=20)
        self._number = 0
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            node.find(),
            self._program,
            cwd=node.FOLDER,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE,
        )
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._read_errors())]
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_DEADLINE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.gather(*self._readers)

    async def ask(self, op: str, *, within: float = DEADLINE, **arguments: Any) -> Any:
        """The result of ``op``. Many may be asked at once."""
        if self._process.returncode is not None:
            raise self._failed("has ended")
        assert self._process.stdin is not None
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            with contextlib.suppress(ConnectionError):  # it ended just now: its answer says so
                self._process.stdin.write(json.dumps({"id": number, "op": op} | arguments).encode() + b"\n")
                await self._process.stdin.drain()
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise self._failed(f"did not answer {op!r} within {within:g} s") from None
        finally:
            self._waiting.pop(number, None)

    def _failed(self, what: str) -> PeerFailed:
        return PeerFailed("\n".join([f"{self._program} {what}", *self._said]))

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            answer = json.loads(line)
            future = self._waiting.get(answer["id"])
            if future is None or future.done():
                continue
            if "error" in answer:
                future.set_exception(self._failed(answer["error"]))
            else:
                future.set_result(answer["result"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._failed("ended"))

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._said.append(line.decode(errors="replace").rstrip()[:500])
