"""The HTTP requests that reach a listener: counted, given to the handler, answered once, or reported as lost.

    request on the control channel   ──► handler ──► answer on the control channel, or over a rendezvous when it is
                                                     large or endless, or when the channel has ended meanwhile
    pointer on the control channel   ──► dial ──► the request and its body ──► handler ──► answer on the same socket

No request is answered twice: an answer goes another way only when nothing of it has left. One that may not have
arrived is reported as lost, with the reason, and the sender is told by the relay (504, or a body that breaks off). A
sender that hangs up is noticed at a rendezvous only: the control channel has no word for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from relay_bridge.protocol.commands import Request, RequestPointer, format_response
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.control_channel import IncomingRequest
from relay_bridge.protocol.errors import RelayError, RequestUnusable
from relay_bridge.protocol.rendezvous import parse_rendezvous
from relay_bridge.transport.control_socket import ControlSocket
from relay_bridge.transport.conversation import STOPPED, TOO_LATE, Conversation
from relay_bridge.transport.handling import ask
from relay_bridge.transport.http_messages import Body, HttpHandler
from relay_bridge.transport.incoming import RENDEZVOUS_DIAL, Dial, end_handlers, fit_for_log
from relay_bridge.transport.places import Place, Places
from relay_bridge.transport.refusals import Refusals
from relay_bridge.transport.request_socket import RequestSocket
from relay_bridge.transport.responses import Answer, Streamed, plain, whole_answer

logger = logging.getLogger(__name__)

LostCallback = Callable[[str, str], None]

NOT_SERVED: Final = (501, "This listener answers no HTTP requests, only WebSocket connections.")
BUSY: Final = (503, "This listener is busy. Try again in a second.")
UNSENDABLE: Final = (500, "The listener's answer could not be sent.")
_SHOWN: Final = 3  # ids in one line of the log
UNNAMED: Final = "(unknown)"  # a pointer's request, before it has been fetched


class IncomingRequests:
    """One task per request, all of them ended by ``stop``. ``dial(address, timeout)`` opens a rendezvous.

    ``lost(id, reason)`` is called for every answer that may not have arrived.
    """

    def __init__(
        self,
        place: str,
        connection: ConnectionString,
        handler: HttpHandler | None,
        dial: Dial,
        refusals: Refusals,
        *,
        max_requests: int,
        lost: LostCallback | None,
    ) -> None:
        self._place = place
        self._connection = connection
        self._entity_path = connection.entity_path or ""
        self._handler = handler
        self._dial = dial
        self._refusals = refusals
        self._lost = lost
        self._places = Places(max_requests)
        self._max_sockets = 2 * max_requests  # at work, and kept for another request
        self._tasks: dict[asyncio.Task[None], Place] = {}
        self.draining = False  # senders are told "busy", what runs goes on

    @property
    def open(self) -> int:
        """Requests whose answer has not left yet."""
        return len(self._places)

    # What the control channel brings. Nothing here waits, so that the channel is always read.

    def take(self, incoming: IncomingRequest, control: ControlSocket) -> None:
        """A request with its whole body."""
        request = incoming.request
        refusal = self._refusal(request)
        if refusal is not None:
            self._post(control, refusal)
        elif request.id in self._places:
            logger.warning("%s: request %s came twice; it is answered once", self._place, fit_for_log(request.id))
        else:
            place = self._places.take(request.id)
            self._start(place, self._run(incoming, control, place))

    def take_pointer(self, pointer: RequestPointer) -> None:
        """A request that waits at an address. Raises ``ProtocolViolation`` when it is not one of ours to dial."""
        address, name = parse_rendezvous(pointer, self._connection).address, pointer.id or UNNAMED
        if self._handler is None or self._is_full():
            self._refusals.add(lambda: self._refuse_pointer(address))
        else:
            place = self._places.take(address)
            self._start(place, self._fetch(address, name, place))

    def take_unusable(self, error: RequestUnusable, control: ControlSocket) -> None:
        """A request that could not be read."""
        self._post(control, whole_answer(error.request_id, "", plain(error.status, "The request could not be read.")))

    def report_lost(self, request_id: str, reason: str, level: int = logging.WARNING) -> None:
        """``reason`` in the log, and both to the callback."""
        logger.log(level, "%s: the answer to request %s is lost: %s", self._place, fit_for_log(request_id), reason)
        self._tell_lost(request_id, reason)

    def report_unconfirmed(self, request_ids: Sequence[str], reason: str) -> None:
        """The same for the answers of the last second of a channel, with one line in the log for all of them."""
        shown = ", ".join(fit_for_log(request_id) for request_id in request_ids[:_SHOWN])
        logger.warning(
            "%s: answers that may be lost: %d (%s%s): %s",
            self._place, len(request_ids), shown, ", …" if len(request_ids) > _SHOWN else "", reason,
        )  # fmt: skip
        for request_id in request_ids:
            self._tell_lost(request_id, reason)

    def _tell_lost(self, request_id: str, reason: str) -> None:
        if self._lost is not None:
            try:
                self._lost(request_id, reason)
            except Exception:
                logger.exception("%s: request_lost failed", self._place)

    async def wait_idle(self) -> None:
        """Return when every answer has left. No deadline."""
        await self._places.empty.wait()

    async def stop(self) -> None:
        """Cancel every handler and wait until it has ended."""
        await end_handlers(self._tasks, self._place)
        self._places.stop()

    def _is_full(self) -> bool:
        return self.draining or self._places.full

    def _refusal(self, request: Request) -> Answer | None:
        """What a sender is told for whose request there is no handler or no place."""
        if self._handler is not None and not self._is_full():
            return None
        return whole_answer(request.id, request.method, plain(*(NOT_SERVED if self._handler is None else BUSY)))

    def _start(self, place: Place, work: Coroutine[Any, Any, None]) -> None:
        place.task = task = asyncio.create_task(work, name="relay-request")
        self._tasks[task] = place
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._places.release(self._tasks.pop(task))

    async def _ask(self, request: Request, body: Body) -> Answer:
        if self._handler is None:
            return whole_answer(request.id, request.method, plain(*NOT_SERVED))
        return await ask(self._handler, request, body, self._entity_path, self._place)

    # On the control channel

    async def _run(self, incoming: IncomingRequest, control: ControlSocket, place: Place) -> None:
        request, answer = incoming.request, None
        try:
            answer = await self._ask(request, incoming.body)
            place.answering = True
            body = answer.body
            if isinstance(body, Streamed) or answer.needs_rendezvous:
                socket = await self._open(request, control)
            elif await control.send_response(request.id, format_response(answer.head), body):
                return
            else:
                socket = await self._open(request, None)
        except asyncio.CancelledError:
            self.report_lost(request.id, TOO_LATE if place.late else STOPPED)
            if answer is not None:
                await answer.discard()
            raise
        if socket is None:
            await answer.discard()
        else:
            await self._conversation(socket).answer(request, answer, place)

    async def _open(self, request: Request, control: ControlSocket | None) -> RequestSocket | None:
        """The rendezvous of a request. ``control``: where to say that there is none, if nothing else can be said."""
        try:
            address = parse_rendezvous(request, self._connection).address
            return RequestSocket(await self._dial(address, RENDEZVOUS_DIAL), request)
        except RelayError as error:
            if control is not None:
                self._post(control, whole_answer(request.id, request.method, plain(*UNSENDABLE)))
            self.report_lost(request.id, f"its rendezvous could not be opened: {error}")
            return None

    def _post(self, control: ControlSocket, answer: Answer) -> None:
        """A short answer of our own, at once or not at all."""
        body = answer.body if isinstance(answer.body, bytes) else None
        if not control.post_response(answer.head.request_id, format_response(answer.head), body):
            self.report_lost(answer.head.request_id, "the control channel does not take it", logging.INFO)

    # At a rendezvous

    def _conversation(self, socket: RequestSocket) -> Conversation:
        return Conversation(
            socket,
            self._places,
            ask=self._ask,
            busy=self._refusal,
            lost=self.report_lost,
            keep=lambda: not self.draining and len(self._tasks) <= self._max_sockets,
        )

    async def _fetch(self, address: str, name: str, place: Place) -> None:
        try:
            socket = RequestSocket(await self._dial(address, RENDEZVOUS_DIAL))
        except RelayError as error:
            self.report_lost(name, f"its rendezvous could not be opened: {error}")
        except asyncio.CancelledError:
            self.report_lost(name, TOO_LATE if place.late else STOPPED)
            raise
        else:
            await self._conversation(socket).serve(name, place)

    async def _refuse_pointer(self, address: str) -> None:
        """The request must be fetched to be refused: without its id there is nothing to answer."""
        try:
            socket = RequestSocket(await self._dial(address, RENDEZVOUS_DIAL))
            try:
                request = await socket.next_request(RENDEZVOUS_DIAL)
                if request is not None:
                    busy = plain(*(NOT_SERVED if self._handler is None else BUSY))
                    await socket.send(whole_answer(request.id, request.method, busy))
            finally:
                await socket.close()
        except RelayError as error:
            logger.info("%s: a sender could not be told that we are busy: %s", self._place, error)
