"""Alarm events by hand, a table of them, and a receiver that keeps the list as a web app does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from relay_bridge.agent.alarms.places import Places
from relay_bridge.agent.alarms.rows import RowMaker
from relay_bridge.agent.alarms.table import AlarmTable
from relay_bridge.agent.alarms.words import Words
from relay_bridge.agent.drivers.abilities import AlarmEvent, AlarmRef
from relay_bridge.agent.tags import AssetConfig, TagConfig
from relay_bridge.contract.alarms import AlarmCounts, AlarmDelta, AlarmRow, AlarmSnapshot
from tests.relay_bridge.agent.support import ManualClock

LEVEL = TagConfig("TK-101.level", "main", "nsu=urn:plant;s=TK-101.Level", "TK-101", "Level", "number")
TANK = AssetConfig("TK-101", "TK-101", "North farm", "tank")
NOW = 1_795_370_000_000  # epoch ms where a ManualClock begins


def event(name: str = "a", **facts: Any) -> AlarmEvent:
    """An active, unacknowledged alarm called ``name`` at source "main"."""
    base = AlarmEvent(
        ref=AlarmRef("main", f"s={name}"),
        event=f"{name}-1".encode(),
        time=NOW,
        severity=500,
        active=True,
        acknowledged=False,
        retain=True,
        name=name,
    )
    return replace(base, **facts)


class Board:
    """A table with what it told the journal."""

    def __init__(self, most: int = 10_000, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.notes: list[tuple[str, str, int]] = []
        words = Words(lambda text: text.replace("plc-7.plant", "the source"))
        self.rows = RowMaker(Places([LEVEL], [TANK]), words, "north", self.clock.wall_ms)
        self.table = AlarmTable(self.rows, self.clock.wall_ms, self._note, most=most)

    def _note(self, kind: str, row: AlarmRow, at: int) -> None:
        self.notes.append((kind, row.name, at))

    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.notes]

    def row(self, name: str) -> AlarmRow | None:
        return next((row for row in self.table.rows() if row.name == name), None)


class Receiver:
    """Keeps the list by the rules of docs/process-api.md."""

    def __init__(self) -> None:
        self.rows: dict[str, AlarmRow] = {}
        self.counts = AlarmCounts()
        self.order: list[str] = []  # names in the order in which their rows came
        self.complete = False

    def take(self, push: AlarmSnapshot | AlarmDelta) -> None:
        if isinstance(push, AlarmSnapshot):
            if push.first:
                self.rows.clear()
            self.complete = not push.more
        else:
            for gone in push.gone:
                del self.rows[gone]
        for row in push.rows:
            self.rows[row.id] = row
            self.order.append(row.name)
        self.counts = push.counts


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until something outside this process made ``condition`` true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
