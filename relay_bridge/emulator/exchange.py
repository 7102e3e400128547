"""One HTTP request and its response on their way (relay protocol 3.2 to 3.5).

A request without a body, or with one of up to 65,536 bytes, goes over the control channel. Any other is announced there
by its address alone; the listener dials it, and request and response travel over that socket. A listener may also dial
the address of a small request, to answer at length.

There is no task here: an exchange moves when one of its sockets does, and ``too_late`` ends it when none did for long.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING, Final, Literal

from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.call import Call
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.forwarded_request import ForwardedRequest
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.handshake import RelayRequest, dial_back_address, switching_protocols
from relay_bridge.emulator.http_answers import chunk
from relay_bridge.emulator.listeners import ControlChannel, find_room
from relay_bridge.emulator.operations import Traffic
from relay_bridge.emulator.recorder import StreamRecord
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.relayed_response import relayed_head
from relay_bridge.emulator.request_rendezvous import RequestRendezvous
from relay_bridge.emulator.service_channel import BadResponse, BodyPiece, ListenerResponse, format_pointer
from relay_bridge.protocol.limits import MAX_CONTROL_BODY, MAX_CONTROL_HEADERS

if TYPE_CHECKING:
    from relay_bridge.emulator.requests import RequestBook

logger = logging.getLogger(__name__)

SMALL_BODY_DEADLINE: Final = 30.0  # seconds for the whole of a body that travels over the control channel
BODY_IDLE: Final = 60.0  # seconds between two pieces of a longer one, from a sender that could send

# Announced: told to a listener, which has not dialled. Carrying: the response's body is on its way.
Phase = Literal["collecting", "telling", "announced", "waiting", "carrying", "swallowing", "over"]


class HttpExchange:
    """One request and its response. ``deadline`` is a time of the event loop; ``too_late`` says what happens then."""

    __slots__ = (
        "_book",
        "_candidates",
        "_chunked",
        "_close",
        "_dialled",
        "_forwarded",
        "_rendezvous",
        "_status",
        "_traffic",
        "by_rendezvous",
        "call",
        "channel",
        "deadline",
        "id",
        "path_key",
        "phase",
        "request",
    )  # fmt: skip

    def __init__(
        self,
        book: RequestBook,
        call: Call,
        request: RelayRequest,
        path_key: str,
        candidates: list[ControlChannel],
        *,
        hide: bool,
        traffic: Traffic,
    ) -> None:
        self._book = book
        self._candidates = candidates
        self._traffic = traffic
        self._forwarded = ForwardedRequest(book, request, hide=hide, traffic=traffic)
        self._rendezvous: RequestRendezvous | None = None
        self._dialled = False
        self._chunked = False
        self._close = False  # what the response's head says of the connection
        self._status = 0
        self.call = call
        self.request = request
        self.path_key = path_key
        self.channel: ControlChannel | None = None
        self.deadline = math.inf
        self.phase: Phase = "collecting"
        # Unguessable: whoever knows it may answer.
        self.id = f"{request.tracking_id}_G{book.chance.secret()}"
        length = call.head.body_length
        self.by_rendezvous = length is None or length > MAX_CONTROL_BODY

    # What the sender does

    def begin(self) -> None:
        """The head has been read and found good."""
        if self.by_rendezvous:
            self.call.connection.hold()  # until the listener has dialled
            self._tell()
        elif self.call.body_done:
            self._tell()
        else:
            self.deadline = self._book.now() + SMALL_BODY_DEADLINE
            self.call.ask_for_body()

    def body_received(self, data: bytes) -> None:
        if self.phase == "collecting":
            self._forwarded.keep(data)
        elif self._rendezvous is not None and self.phase in {"waiting", "carrying"}:
            self._send_fragment(data, last=False)

    def body_complete(self) -> None:
        if self.phase == "collecting":
            self._tell()
        elif self._rendezvous is not None and self.phase in {"waiting", "carrying"}:
            # The service ends a request's body with an empty last fragment (relay protocol 3.4).
            self._send_fragment(b"", last=True)

    def writing_resumed(self) -> None:
        """The sender takes more of the response."""
        if self._rendezvous is not None:
            self._rendezvous.connection.release()
            self._touch()

    def caller_lost(self) -> None:
        """The sender is gone. Relay protocol, section 5: 1001 tells the listener so, if it has a socket for this."""
        self._over(CloseCode.GOING_AWAY, "The sender's connection was lost")

    # Telling a listener

    def _tell(self) -> None:
        self.phase = "telling"
        self.deadline = math.inf
        delay = self._book.faults.accept_delay
        for channel in self._candidates if not delay else ():
            if channel.is_usable and not channel.connection.writing_paused:
                self._send_to(channel)
                return
        self._book.start_task(self._tell_later(delay))

    async def _tell_later(self, delay: float) -> None:
        """The slow way: no listener can be written to now."""
        if delay:
            await asyncio.sleep(min(delay, self._book.accept_deadline))
            if delay > self._book.accept_deadline and self.phase == "telling":
                self._late("None of the connected listeners took the request within the allowed timeout")
        channel = await find_room(self._candidates)
        if self.phase != "telling":
            return
        if channel is not None:
            self._send_to(channel)
        elif any(candidate.is_usable for candidate in self._candidates):
            self._late("None of the connected listeners took the request within the allowed timeout")
        else:
            self.refuse(
                Refusal(self._book.behaviour.no_listener_status, "There are no listeners connected for the endpoint")
            )

    def _send_to(self, channel: ControlChannel) -> None:
        book = self._book
        self.channel = channel
        self._candidates = []
        try:
            address = dial_back_address(self.request, channel.request, "request", self.id)
            if not self.by_rendezvous:
                text = self._forwarded.text(address, self.id, has_body=self._forwarded.has_small_body)
                # The control channel has room for headers of 32 kB; longer ones go the other way.
                if len(text) <= MAX_CONTROL_HEADERS:
                    channel.send(text, self._forwarded.take_small_body())
                    self.phase = "waiting"
                    self.deadline = book.now() + book.response_deadline
                    book.operations.record("SenderSentHttpRequest", self.path_key, self.request.tracking_id)
                    return
                self.by_rendezvous = True
        except Refusal as refusal:
            self.refuse(refusal)
            return
        channel.send(format_pointer(address))
        self.phase = "announced"
        self.deadline = book.now() + book.accept_deadline
        book.operations.record("SenderSentHttpRequest", self.path_key, self.request.tracking_id)

    # The rendezvous

    @property
    def has_rendezvous(self) -> bool:
        return self._rendezvous is not None

    def may_be_dialled(self, behaviour: Behaviour) -> bool:
        if self._rendezvous is not None:
            return False
        return self.phase == "announced" or (
            self.phase == "waiting" and (not self._dialled or behaviour.rendezvous_may_be_dialled_again)
        )

    def refuse_rendezvous(self) -> None:
        """A fault switch: the listener dials too late. A request that it has in full it may still answer."""
        if self.phase == "announced":
            self.too_late()

    def dialled(self, request: RelayRequest, connection: Connection, record: StreamRecord | None) -> RequestRendezvous:
        """The listener has opened the address."""
        rendezvous = self._rendezvous = RequestRendezvous(self, connection, record)
        self._dialled = True
        connection.take_over(rendezvous, switching_protocols(request, None))
        if self.phase == "announced":
            self.phase = "waiting"
            has_body = self.call.head.body_length != 0
            try:
                address = dial_back_address(self.request, request, "request", self.id)
                rendezvous.send_text(self._forwarded.text(address, self.id, has_body=has_body))
            except Refusal as refusal:
                self.refuse(refusal)
            if self._forwarded.has_small_body:  # its head was too long for the control channel
                self._forwarded.send_small_body(rendezvous)
            elif has_body:
                self.call.ask_for_body()
                self.call.connection.release()
        self._touch()
        connection.deliver_early()
        return rendezvous

    def _send_fragment(self, data: bytes, *, last: bool) -> None:
        rendezvous = self._rendezvous
        if rendezvous is None:
            return
        self._touch()
        if not self._forwarded.send_fragment(rendezvous, data, last=last) and not last:
            self.call.connection.hold()

    def rendezvous_has_room(self) -> None:
        if self.phase in {"waiting", "carrying"}:
            self._touch()
            self.call.connection.release()

    def rendezvous_closed(self, code: int) -> None:
        """The listener's socket for this exchange is over."""
        had_request = self._forwarded.has_begun or self.by_rendezvous
        self._rendezvous = None
        if self.phase == "waiting" and had_request:
            self.refuse(
                Refusal(
                    self._book.behaviour.bad_response_status, "The listener closed the connection without a response"
                )
            )
        elif self.phase == "carrying":
            logger.info("Response to %s broke off: the listener closed with %d.", self.request.tracking_id, code)
            self._cut()
        elif self.phase == "swallowing":
            self._over()

    # The response

    def answer(self, response: ListenerResponse | BadResponse, *, streamed: bool) -> None:
        """The listener's response: whole (``response.body``), or with the body to follow when it is ``streamed``."""
        if self.phase not in {"waiting", "announced"}:
            return  # a second one
        if isinstance(response, BadResponse):
            self._bad(response.reason)
            return
        call = self.call
        head = relayed_head(response, call.head, self.request.host, streamed=streamed, will_close=call.will_close)
        self._status, self._chunked, self._close = response.status, head.chunked, head.close
        self._book.operations.record("ListenerSentHttpResponse", self.path_key, self.request.tracking_id)
        if not head.follows:
            body = self._book.faults.tamper(response.body) if head.body_allowed else b""
            self._traffic.to_sender += len(body)
            self._over()
            call.respond(head.data + body, close=head.close)
            return
        if head.body_allowed:
            self.phase = "carrying"
            call.write(head.data)
        else:
            self.phase = "swallowing"
            call.respond(head.data, close=head.close)
        self._touch()

    def response_body(self, piece: BodyPiece) -> None:
        """A part of the body of a response over the rendezvous."""
        self._touch()
        if self.phase == "carrying":
            data = self._book.faults.tamper(piece.data)
            self._traffic.to_sender += len(data)
            out = chunk(data, last=piece.last) if self._chunked else data
            if not self.call.write(out) and not piece.last and self._rendezvous is not None:
                self._rendezvous.connection.hold()
        if piece.last:
            carrying = self.phase == "carrying"
            call = self.call
            self._over()
            if carrying:
                call.finish(close=self._close)

    # Ends

    def refuse(self, refusal: Refusal) -> None:
        """Answer in the relay's own name."""
        if self.phase in {"carrying", "swallowing", "over"}:
            return
        self._status = refusal.status
        self._over(CloseCode.INTERNAL_ERROR, refusal.text)
        self._book.refuse(self.call, self.request, refusal)

    def too_late(self) -> None:
        """``deadline`` has passed."""
        if self.phase == "collecting":
            self.refuse(Refusal(408, "The body of the request did not arrive in time"))
        elif self.phase == "announced":
            self._late("The request was routed to the listener but the listener did not fetch it in the required time")
        elif self.phase == "waiting":
            if self._rendezvous is not None and not self.call.body_done and not self._rendezvous.is_full:
                self.refuse(Refusal(408, "The body of the request did not arrive in time"))
            else:
                self._late(
                    "The request was routed to the listener but the listener did not respond in the required time"
                )
        elif self.phase == "carrying":
            if self.call.connection.writing_paused:
                logger.info("Response to %s cut off: its sender does not read.", self.request.tracking_id)
            else:
                self._book.operations.record(
                    "ListenerUnresponsive", self.path_key, self.request.tracking_id, "in the middle of its response"
                )
            self._cut()
        elif self.phase == "swallowing":
            self._over(CloseCode.INTERNAL_ERROR, "The response took too long")

    def close(self, code: CloseCode, refusal: Refusal) -> None:
        """The hybrid connection is gone, or the relay stops."""
        if self.phase == "carrying":
            self._cut(code, refusal.text)
        elif self.phase == "swallowing":
            self._over(code, refusal.text)
        else:
            self.refuse(refusal)

    def _late(self, text: str) -> None:
        self._book.operations.record("ListenerUnresponsive", self.path_key, self.request.tracking_id)
        self.refuse(Refusal(self._book.behaviour.response_timeout_status, text))

    def _bad(self, reason: str) -> None:
        logger.warning("Listener answered %s with what is no response: %s.", self.request.tracking_id, reason)
        self.refuse(
            Refusal(self._book.behaviour.bad_response_status, f"The listener sent no usable response: {reason}")
        )

    def _cut(self, code: CloseCode = CloseCode.INTERNAL_ERROR, reason: str = "The response was cut off") -> None:
        """End a response in the middle: the sender must see that something is missing."""
        self._over(code, reason)
        self.call.cut()

    def _over(self, code: CloseCode = CloseCode.NORMAL, reason: str = "") -> None:
        """Nothing more comes. A rendezvous is good for one exchange: the relay closes it (relay protocol 3.5)."""
        if self.phase == "over":
            return
        if self.phase != "swallowing":  # then the call has been answered, and its connection may serve another
            self.call.connection.release()
        self.phase = "over"
        self._forwarded.drop_body()
        rendezvous, self._rendezvous = self._rendezvous, None
        self._book.forget(self)
        if self._status:
            self._book.operations.responded(self.path_key, self._status, self._book.now() - self.call.started_at)
        if rendezvous is not None:
            rendezvous.close(code, reason)

    def _touch(self) -> None:
        """Something moved."""
        if self.phase == "waiting":
            self.deadline = self._book.now() + self._book.response_deadline
        elif self.phase in {"carrying", "swallowing"}:
            self.deadline = self._book.now() + self._book.response_idle
