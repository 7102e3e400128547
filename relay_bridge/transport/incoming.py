"""The streams that reach a listener: dialling back, counting, running the handler, saying no to one too many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from relay_bridge.protocol.commands import Accept
from relay_bridge.protocol.errors import RelayError, RelayRefused
from relay_bridge.protocol.limits import ACCEPT_DEADLINE
from relay_bridge.protocol.rendezvous import BUSY, REJECTED_STATUS, Rendezvous, reject_address
from relay_bridge.transport.dial import close_quietly
from relay_bridge.transport.refusals import Refusals
from relay_bridge.transport.streams import MAX_MESSAGE, RelayStream
from relay_bridge.transport.subprotocols import choose_subprotocol

logger = logging.getLogger(__name__)

Handler = Callable[[RelayStream], Awaitable[None]]
Dial = Callable[[str, float], Awaitable[ClientConnection]]
DialStream = Callable[[str, float, Sequence[str]], Awaitable[ClientConnection]]

RENDEZVOUS_DIAL: Final = 10.0  # seconds; the address itself is good for ACCEPT_DEADLINE
STOP_DEADLINE: Final = 5.0  # seconds that cancelled handlers have to end
NO_STREAMS: Final = (405, "this listener answers HTTP requests only")
_INTERNAL_ERROR: Final = 1011


class IncomingStreams:
    """One task per stream, all of them ended by ``stop``.

    ``dial(address, timeout, subprotocols)`` opens a rendezvous; ``subprotocols``: those that the handler speaks.
    """

    def __init__(
        self,
        place: str,
        handler: Handler | None,
        dial: DialStream,
        refusals: Refusals,
        *,
        max_streams: int,
        max_half_open: int,
        subprotocols: Sequence[str] = (),
        max_message: int = MAX_MESSAGE,
    ) -> None:
        self._place = place
        self._handler = handler
        self._dial = dial
        self._refusals = refusals
        self._max_streams = max_streams
        self._max_half_open = max_half_open
        self._subprotocols = subprotocols
        self._max_message = max_message
        self._tasks: set[asyncio.Task[None]] = set()
        self.draining = False  # senders are told "busy", what is open goes on
        self.open = 0  # streams, from the moment they are dialled until their handler returned
        self.half_open = 0  # those of them whose sender has not proved itself

    def take(self, rendezvous: Rendezvous, accept: Accept) -> None:
        """A sender waits. Nothing here waits, so that the control channel is always read."""
        full = self.open >= self._max_streams or self.half_open >= self._max_half_open
        if self._handler is None:
            self._refusals.add(lambda: self._reject(rendezvous, NO_STREAMS))
        elif full or self.draining:
            self._refusals.add(lambda: self._reject(rendezvous, BUSY))
        else:
            self.open += 1
            self.half_open += 1
            self._start(self._run(self._handler, rendezvous, accept))

    async def wait_idle(self) -> None:
        """Return when no stream is open. No deadline."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        """Cancel every handler and wait until it has ended."""
        await end_handlers(self._tasks, self._place)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="relay-stream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, handler: Handler, rendezvous: Rendezvous, accept: Accept) -> None:
        half_open = True

        def established() -> None:
            nonlocal half_open
            if half_open:
                half_open = False
                self.half_open -= 1

        stream: RelayStream | None = None
        code = 1000
        try:
            chosen = choose_subprotocol(self._subprotocols, accept.connect_headers)
            # The address is good once and needs no token; it is a secret for as long as it is good.
            stream = RelayStream(
                await self._dial(rendezvous.address, min(RENDEZVOUS_DIAL, ACCEPT_DEADLINE), chosen),
                remote_id=accept.id,
                suffix=rendezvous.suffix,
                query=rendezvous.query,
                headers=accept.connect_headers,
                max_message=self._max_message,
                on_established=established,
            )
            await handler(stream)
        except RelayError as error:
            logger.info("%s: stream %s ended: %s", self._place, fit_for_log(accept.id), error)
        except Exception:
            code = _INTERNAL_ERROR
            logger.exception("%s: the handler of stream %s failed", self._place, fit_for_log(accept.id))
        finally:
            established()
            self.open -= 1
            if stream is not None:
                await stream.close(code)

    async def _reject(self, rendezvous: Rendezvous, answer: tuple[int, str]) -> None:
        try:
            socket = await self._dial(reject_address(rendezvous.address, *answer), RENDEZVOUS_DIAL, ())
            await close_quietly(socket, 1000, "")  # a relay that joins us all the same is let go
        except RelayError as error:
            if not (isinstance(error, RelayRefused) and error.status == REJECTED_STATUS):
                logger.info("%s: a sender could not be told %r: %s", self._place, answer[1], error)


def fit_for_log(identifier: str) -> str:
    """A tracing id without what does not belong into a log: a sender chose parts of it."""
    return "".join(c if c.isalnum() or c in "-_" else "?" for c in identifier[:80])


async def end_handlers(running: Iterable[asyncio.Task[None]], place: str) -> None:
    """Cancel the tasks of handlers and wait until they have ended, for at most ``STOP_DEADLINE`` seconds."""
    tasks = list(running)
    for task in tasks:
        task.cancel()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE)
        if late:
            logger.error("%s: %d handlers did not end within %g s", place, len(late), STOP_DEADLINE)
