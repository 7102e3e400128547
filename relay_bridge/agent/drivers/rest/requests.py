"""``Requests``: the requests of one source that are under way. One that has not gone out yet is shared."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any

from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.units import Found, Unit

logger = logging.getLogger(__name__)


class Requests:
    """``now``: epoch ms. ``succeeded`` and ``failed`` hear of every end, in the order in which requests went out."""

    def __init__(
        self,
        source: str,
        talk: Conversation,
        now: Callable[[], int],
        *,
        succeeded: Callable[[Unit, Found], None],
        failed: Callable[[Unit, Trouble], None],
    ) -> None:
        self._source = source
        self._talk = talk
        self._now = now
        self._succeeded = succeeded
        self._failed = failed
        self._tasks: set[asyncio.Task[Found]] = set()

    def ask(self, unit: Unit, *, urgent: bool = False) -> asyncio.Task[Found]:
        """A request that goes out after this call. One that has not gone out yet is shared."""
        if unit.waiting is None:
            task = unit.waiting = asyncio.create_task(self._fetch(unit, urgent))
            self._tasks.add(task)
            task.add_done_callback(functools.partial(self._ended, unit))
        return unit.waiting

    def under_way(self) -> list[asyncio.Task[Any]]:
        """For whoever ends them all."""
        return list(self._tasks)

    def _ended(self, unit: Unit, task: asyncio.Task[Found]) -> None:
        self._tasks.discard(task)
        if unit.waiting is task:
            unit.waiting = None
        if not task.cancelled():
            task.exception()  # it was told where it happened

    async def _fetch(self, unit: Unit, urgent: bool) -> Found:
        number = 0

        def sending() -> None:
            nonlocal number
            unit.waiting = None  # whoever asks from now on wants a later answer
            unit.sent += 1
            number = unit.sent

        group = unit.group
        body = group.body.encode() if group.body is not None else None
        try:
            document = await self._talk.document(
                group.method, unit.path, body, content_type=group.content_type, urgent=urgent, sending=sending
            )
            found = unit.open(document, self._now())
        except Trouble as trouble:
            self._failed(unit, trouble)
            raise
        except Exception as error:
            # What nobody foresaw must not leave the last values looking live.
            logger.exception("Source %s: an answer was not understood.", self._source)
            fault = Trouble(f"an unexpected {type(error).__name__} while reading an answer")
            self._failed(unit, fault)
            raise fault from error
        if number >= unit.taken:  # an answer that was overtaken by a later one says nothing new
            unit.taken = number
            self._succeeded(unit, found)
        return found
