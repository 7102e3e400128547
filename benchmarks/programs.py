"""Programs of the measurement: started with a log, waited for, looked at from outside, and always stopped."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
READY_DEADLINE = 60.0  # seconds
STOP_DEADLINE = 5.0  # seconds from SIGTERM to SIGKILL
MIB = 1024 * 1024


class BenchError(Exception):
    """The measurement cannot go on; one sentence."""


class Program:
    """One process. Made by ``start``; ``stop`` may be called twice."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._seen = psutil.Process(process.pid)

    @classmethod
    def start(cls, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Program:
        log = folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                list(command), cwd=ROOT, env=dict(environment), stdin=subprocess.PIPE, stdout=out,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        return cls(name, process, log)

    async def wait_for_words(self, pattern: str) -> str:
        """Wait until the log has a line with ``pattern``; answers its first group, or all of it when it has none."""
        async with asyncio.timeout(READY_DEADLINE):
            while (found := re.search(pattern, self.log_text())) is None:
                await self._look_again()
        return found.group(1 if found.re.groups else 0)

    async def wait_for_port(self, port: int) -> None:
        async with asyncio.timeout(READY_DEADLINE):
            while not accepts(port):
                await self._look_again()

    async def _look_again(self) -> None:
        if self._process.poll() is not None:
            raise BenchError(f"the {self.name} stopped: {self.log_text().strip()[-2000:]}")
        await asyncio.sleep(0.02)

    def say(self, line: str) -> None:
        """A line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def log_text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def cpu(self) -> float:
        """CPU seconds so far, user and system, in steps of 10 ms on Linux."""
        spent = self._seen.cpu_times()
        return float(spent.user + spent.system)

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        return self._seen.memory_info().rss / MIB

    def signal(self, number: int) -> None:
        """For what a stop or a crash must not do: SIGSTOP, SIGCONT, SIGKILL."""
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0
