"""The HTTP exchanges on one rendezvous socket, one after the other: request, handler, answer, and perhaps another.

Protocol, rendezvous: good for one exchange in practice, and the relay closes it (1000) after the answer; the vendor's
document keeps it for later requests of the same client connection. Both are served here. That close, or a further
request, is also the proof that the answer has arrived.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from relay_bridge.protocol.commands import Request
from relay_bridge.protocol.errors import ProtocolViolation, RelayError
from relay_bridge.protocol.limits import ACCEPT_DEADLINE
from relay_bridge.transport.http_messages import Body
from relay_bridge.transport.places import Place, Places
from relay_bridge.transport.request_socket import RequestSocket
from relay_bridge.transport.responses import Answer
from relay_bridge.transport.streams import StreamClosed

logger = logging.getLogger(__name__)

REUSE_WAIT: Final = 30.0  # seconds that a socket is kept for another request, or for the relay to close it
STOPPED: Final = "the listener was stopped"
TOO_LATE: Final = "its handler took too long; the relay has given up"
_HUNG_UP: Final = frozenset({1000, 1001})

Ask = Callable[[Request, Body], Awaitable[Answer]]  # the handler
Lost = Callable[[str, str, int], None]  # request id, reason, logging level


class Conversation:
    """``ask`` gets each request, ``busy`` makes the answer to one for which there is no place, ``lost`` is told of each
    answer that may not have arrived. ``keep``: whether the socket may be kept when an exchange is over."""

    def __init__(
        self,
        socket: RequestSocket,
        places: Places,
        *,
        ask: Ask,
        busy: Callable[[Request], Answer | None],
        lost: Lost,
        keep: Callable[[], bool] = lambda: True,
    ) -> None:
        self._socket = socket
        self._places = places
        self._ask = ask
        self._busy = busy
        self._lost = lost
        self._keep = keep
        self._place: Place | None = None
        self._name = ""  # of the request under way
        self._unproven = False  # its answer has left, and nothing says yet that it has arrived

    async def answer(self, request: Request, answer: Answer, place: Place) -> None:
        """Send what was too large for the control channel; then as ``serve``. Raises ``CancelledError`` only."""
        self._place, self._name = place, request.id
        await self._run(answer)

    async def serve(self, name: str, place: Place) -> None:
        """Take the request that waits here, answer it, and go on. ``name``: of the first one, as far as it is known."""
        self._place, self._name = place, name
        await self._run(None)

    async def _run(self, answer: Answer | None) -> None:
        socket = self._socket
        try:
            if answer is not None:
                await self._exchange(self._send(answer))
            while self._place is not None or (socket.reusable and self._keep()):
                request = await self._next_request()
                if request is None:
                    break
                self._name, self._unproven = request.id, False
                answer = self._busy(request) if self._place is None else None
                if answer is None and self._place is None:
                    self._place = self._places.take(request.id, asyncio.current_task())
                await self._exchange(self._carry_out(request) if answer is None else self._send(answer))
        except ProtocolViolation as error:
            self._report(str(error))
            await socket.refuse()
        except RelayError as error:
            hung_up = isinstance(error, StreamClosed) and error.code in _HUNG_UP
            self._report(str(error), logging.INFO if hung_up else logging.WARNING)
        except asyncio.CancelledError:
            if self._place is not None:
                self._report(TOO_LATE if self._place.late else STOPPED)
            raise
        except Exception:
            logger.exception("the body of the answer to a request failed half-way")
            self._report("its body failed half-way")
        finally:
            self._release()
            if not await socket.close() and self._unproven:
                self._report("the rendezvous ended before the relay had confirmed the answer")

    async def _next_request(self) -> Request | None:
        if self._place is None:
            return await self._socket.next_request(REUSE_WAIT)
        request = await self._socket.next_request(ACCEPT_DEADLINE)
        if request is None:
            raise StreamClosed("the relay opened its rendezvous and sent no request")
        return request

    async def _exchange(self, work: Coroutine[Any, Any, None]) -> None:
        await self._socket.unless_closed(work)
        self._unproven = True

    async def _carry_out(self, request: Request) -> None:
        answer = await self._ask(request, self._socket.body() if request.has_body else b"")
        if self._place is not None:
            self._place.answering = True
        await self._send(answer)

    async def _send(self, answer: Answer) -> None:
        try:
            await self._socket.send(answer)
            self._release()
        finally:
            await answer.discard()

    def _release(self) -> None:
        if self._place is not None:
            self._places.release(self._place)
            self._place = None

    def _report(self, reason: str, level: int = logging.WARNING) -> None:
        self._unproven = False  # once is enough
        self._lost(self._name, reason, level)
