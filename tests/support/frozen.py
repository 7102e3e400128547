"""Stops a demo's agent in the middle of a write, and lets it go on: what a change without an answer looks like."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 20.0  # seconds for the agent to begin


def agent_of(demo: Path) -> int:
    """The process of the agent that serves the demo of this folder; ``LookupError`` when none runs. Linux only."""
    config = str((demo / "site" / "site.toml").resolve())
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        if "run" in words and any(word and str(Path(word).resolve()) == config for word in words):
            return int(entry.name)
    raise LookupError(f"No agent runs with {config}.")


@contextmanager
def frozen_in_the_middle(demo: Path, begin: Callable[[], None]) -> Iterator[None]:
    """``begin`` sends a change. Inside, the agent stands still: it has noted the change, and nobody has an answer.

    Afterwards it goes on where it stood. ``TimeoutError`` when it notes nothing.
    """
    agent, record = agent_of(demo), demo / "site" / "state" / "acting.sqlite3-wal"
    before = record.stat().st_mtime_ns
    begin()
    end = time.monotonic() + PATIENCE
    while record.stat().st_mtime_ns == before:
        if time.monotonic() > end:
            raise TimeoutError(f"The agent began nothing within {PATIENCE:.0f} s.")
        time.sleep(0.0005)
    os.kill(agent, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(agent, signal.SIGCONT)
