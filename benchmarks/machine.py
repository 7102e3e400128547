"""What it was measured on, and how busy that was with other things; nothing that tells one machine from another."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = ("django", "channels", "daphne", "uvicorn", "uvloop", "websockets", "httptools", "aiohttp", "msgspec")


@dataclass(frozen=True)
class MachineFacts:
    """``load_*``: load average of the last minute. ``others``: share of all cores that went to other programs."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    date: str
    load_before: float
    load_after: float
    others: float
    seconds: float


class Machine:
    """Made before the measurement; ``facts`` afterwards, when every program was stopped and waited for."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._busy, self._all, self._own = _spent()

    def facts(self, seconds: float) -> MachineFacts:
        busy, everything, own = _spent()
        others = max(0.0, (busy - self._busy) - (own - self._own)) / max(1e-9, everything - self._all)
        return MachineFacts(
            processor=_processor(),
            cores=psutil.cpu_count() or 1,
            memory_gib=psutil.virtual_memory().total / 2**30,
            system=platform.system(),
            python=platform.python_version(),
            packages=_versions(),
            date=f"{dt.datetime.now(dt.UTC):%Y-%m-%d}",
            load_before=self._load,
            load_after=os.getloadavg()[0],
            others=others,
            seconds=seconds,
        )


def _versions() -> dict[str, str]:
    """Of what is installed here; uvloop is not made for every system."""
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _spent() -> tuple[float, float, float]:
    """CPU seconds since the machine's start: busy, all; and of this process with the children it has waited for."""
    cpu = psutil.cpu_times()
    everything = sum(cpu) - getattr(cpu, "guest", 0.0) - getattr(cpu, "guest_nice", 0.0)
    return everything - cpu.idle - getattr(cpu, "iowait", 0.0), everything, sum(os.times()[:4])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
