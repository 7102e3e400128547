"""Alarm rows and events for tests, with only what matters said."""

from __future__ import annotations

from typing import Any

from relay_bridge.contract.alarms import AlarmRow, JournalRow

NOW = 1_795_370_000_000


def alarm(number: int = 1, sev: int = 900, **facts: Any) -> AlarmRow:
    """An active alarm that nobody acknowledged, unless ``facts`` say otherwise."""
    values: dict[str, Any] = {
        "id": f"a{number:03d}", "eid": f"e{number:03d}", "source": "main", "name": f"TK-{number} level",
        "cond": "HighHigh", "sev": sev, "act": True, "ack": False, "t_act": NOW - 1000 * number,
    }  # fmt: skip
    return AlarmRow(**(values | facts))


def event(t: int, name: str = "a001", kind: Any = "active", sev: int = 900, **facts: Any) -> JournalRow:
    return JournalRow(t=t, kind=kind, id=name, name=f"alarm {name}", cond="HighHigh", sev=sev, **facts)
