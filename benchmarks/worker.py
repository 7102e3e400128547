"""A program of the relay's measurement that takes orders: one JSON object a line in, ``answer N {...}`` a line out.

``Worker`` is the side that gives orders; ``serve`` is the other, for the programs that are written in Python. The Node
programs speak the same (node/orders.js).
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.programs import BenchError, Program

FILES = 16_384  # open files that a program with thousands of sockets may need
Order = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Worker:
    """One such program. ``ask`` waits for the answer; one order at a time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._asked = 0

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, setting: dict[str, Any]
    ) -> Worker:
        """Start it; ``setting`` is its first order, and the answer says that it is ready."""
        worker = cls(Program.start(name, command, environment, folder))
        try:
            worker.setting = await worker.ask("begin", **setting)
        except BaseException:
            worker.stop()
            raise
        return worker

    async def ask(self, do: str, **order: Any) -> dict[str, Any]:
        self._asked += 1
        self.program.say(json.dumps({"n": self._asked, "do": do, **order}))
        answer = json.loads(await self.program.wait_for_words(rf"(?m)^answer {self._asked} (.*)$"))
        if "error" in answer:
            raise BenchError(f"the {self.program.name} could not {do!r}: {answer['error']}")
        return answer

    def stop(self) -> None:
        self.program.stop()


async def serve(orders: Mapping[str, Order]) -> None:
    """Take orders until standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        try:
            answer = await orders[order["do"]](order)
        except Exception as error:  # whoever gave the order is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(f"answer {order['n']} {json.dumps(answer)}", flush=True)


def run(orders: Mapping[str, Order]) -> None:
    """``serve`` as a whole program: on uvloop where that is installed, as the relay itself does."""
    allow_many_files()
    try:
        import uvloop  # noqa: PLC0415 - not on every machine
    except ImportError:
        asyncio.run(serve(orders))
    else:
        uvloop.run(serve(orders))


def allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
