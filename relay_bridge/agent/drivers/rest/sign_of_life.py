"""Whether a source is there: one good answer of a few that are asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from relay_bridge.agent.drivers.rest.problems import NotThere, Trouble
from relay_bridge.agent.drivers.rest.units import Unit

CANDIDATES: Final = 5  # requests that are tried,
UNANSWERED: Final = 2  # until so many of them were not answered at all


async def sign_of_life(ask: Callable[[Unit], Awaitable[Any]], candidates: Sequence[Unit]) -> None:
    """Return after one good answer; ``Trouble``, the first there was, when there is none."""
    first: Trouble | None = None
    unanswered = 0
    for unit in candidates[:CANDIDATES]:
        try:
            await ask(unit)
        except NotThere as trouble:
            first = first or trouble
            if unit.is_single:
                return  # a server that knows one tag less is well
        except Trouble as trouble:
            first = first or trouble
            unanswered += trouble.reach == "wire"
            if trouble.reach == "source" or unanswered >= UNANSWERED:
                raise
        else:
            return
    if first is not None:
        raise first
