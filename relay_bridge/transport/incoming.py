"""The streams that reach a listener: dialling back, counting, running the handler, saying "busy" to one too many."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from relay_bridge.protocol.commands import Accept
from relay_bridge.protocol.errors import RelayError, RelayRefused
from relay_bridge.protocol.limits import ACCEPT_DEADLINE
from relay_bridge.protocol.rendezvous import BUSY, REJECTED_STATUS, Rendezvous, reject_address
from relay_bridge.transport.dial import close_quietly
from relay_bridge.transport.streams import RelayStream

logger = logging.getLogger(__name__)

Handler = Callable[[RelayStream], Awaitable[None]]
Dial = Callable[[str, float], Awaitable[ClientConnection]]

RENDEZVOUS_DIAL: Final = 10.0  # seconds; the address itself is good for ACCEPT_DEADLINE
STOP_DEADLINE: Final = 5.0  # seconds that cancelled handlers have to end
MAX_REJECTS: Final = 20  # rejections being dialled at once; what comes on top is left to the relay's own timeout
_INTERNAL_ERROR: Final = 1011


class IncomingStreams:
    """One task per stream, all of them ended by ``stop``. ``dial(address, timeout)`` opens a rendezvous."""

    def __init__(self, place: str, handler: Handler, dial: Dial, *, max_streams: int, max_half_open: int) -> None:
        self._place = place
        self._handler = handler
        self._dial = dial
        self._max_streams = max_streams
        self._max_half_open = max_half_open
        self._tasks: set[asyncio.Task[None]] = set()
        self._rejects = 0
        self.open = 0  # streams, from the moment they are dialled until their handler returned
        self.half_open = 0  # those of them whose sender has not proved itself

    def take(self, rendezvous: Rendezvous, accept: Accept) -> None:
        """A sender waits. Nothing here waits, so that the control channel is always read."""
        if self.open < self._max_streams and self.half_open < self._max_half_open:
            self.open += 1
            self.half_open += 1
            self._start(self._run(rendezvous, accept))
        elif self._rejects < MAX_REJECTS:
            self._rejects += 1
            self._start(self._reject(rendezvous))
        else:
            logger.warning("%s: too many senders at once; one is left to time out", self._place)

    async def stop(self) -> None:
        """Cancel every handler and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE)
            if late:
                logger.error("%s: %d handlers did not end within %g s", self._place, len(late), STOP_DEADLINE)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="relay-stream")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, rendezvous: Rendezvous, accept: Accept) -> None:
        half_open = True

        def established() -> None:
            nonlocal half_open
            if half_open:
                half_open = False
                self.half_open -= 1

        stream: RelayStream | None = None
        code = 1000
        try:
            # The address is good once and needs no token; it is a secret for as long as it is good.
            stream = RelayStream(
                await self._dial(rendezvous.address, min(RENDEZVOUS_DIAL, ACCEPT_DEADLINE)),
                remote_id=accept.id,
                suffix=rendezvous.suffix,
                query=rendezvous.query,
                headers=accept.connect_headers,
                on_established=established,
            )
            await self._handler(stream)
        except RelayError as error:
            logger.info("%s: stream %s ended: %s", self._place, _fit_for_log(accept.id), error)
        except Exception:
            code = _INTERNAL_ERROR
            logger.exception("%s: the handler of stream %s failed", self._place, _fit_for_log(accept.id))
        finally:
            established()
            self.open -= 1
            if stream is not None:
                await stream.close(code)

    async def _reject(self, rendezvous: Rendezvous) -> None:
        try:
            socket = await self._dial(reject_address(rendezvous.address, *BUSY), RENDEZVOUS_DIAL)
            await close_quietly(socket, 1000, "")  # a relay that joins us all the same is let go
        except RelayError as error:
            if not (isinstance(error, RelayRefused) and error.status == REJECTED_STATUS):
                logger.info("%s: a sender could not be told that we are busy: %s", self._place, error)
        finally:
            self._rejects -= 1


def _fit_for_log(identifier: str) -> str:
    """A tracing id without what does not belong into a log: a sender chose parts of it."""
    return "".join(c if c.isalnum() or c in "-_" else "?" for c in identifier[:80])
