"""What fresh reads become: the readings that came, and the truth about those that did not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from relay_bridge.agent.drivers.rest.problems import NotThere, Trouble
from relay_bridge.agent.drivers.rest.units import Found
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.readings import (
    BAD_NO_COMMUNICATION,
    BAD_NODE_ID_UNKNOWN,
    BAD_WAITING_FOR_INITIAL_DATA,
    Reading,
)


def refuse_nothing(asked: Sequence[asyncio.Task[Found]], deadline: float) -> None:
    """Raise ``RequestRefused`` when not one request was answered: a list of excuses is no reading."""
    if not asked or any(_result(task) is not None for task in asked):
        return
    first = next((trouble for task in asked if (trouble := _trouble(task)) is not None), None)
    if first is None:
        raise RequestRefused("source_down", f"The source did not answer within {deadline:g} s.")
    if isinstance(first, NotThere):
        return
    code = "source_refused" if first.reach == "answer" else "source_down"
    raise RequestRefused(code, f"The source cannot be read: {first.reason}.")  # type: ignore[arg-type]


def outcome(task: asyncio.Task[Found] | None, tag: str, now: int) -> Reading:
    """The reading of ``tag`` from its request, bad with the reason where there is none. ``now`` in epoch ms."""
    found = _result(task) if task is not None else None
    if found is not None:
        return found.reading(tag)
    trouble = _trouble(task) if task is not None else None
    if isinstance(trouble, NotThere):
        return Reading(None, now, BAD_NODE_ID_UNKNOWN)
    return Reading(None, now, BAD_NO_COMMUNICATION if trouble is not None else BAD_WAITING_FOR_INITIAL_DATA)


def _result(task: asyncio.Task[Found]) -> Found | None:
    return task.result() if task.done() and not task.cancelled() and task.exception() is None else None


def _trouble(task: asyncio.Task[Found]) -> Trouble | None:
    error = task.exception() if task.done() and not task.cancelled() else None
    return error if isinstance(error, Trouble) else None
