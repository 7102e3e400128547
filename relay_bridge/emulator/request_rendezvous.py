"""The socket that a listener dials for one HTTP exchange: to fetch a long request, or to answer at length."""

from __future__ import annotations

from typing import Final, Protocol

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import Opcode, Piece, frame
from relay_bridge.emulator.messages import MessageReader
from relay_bridge.emulator.recorder import StreamRecord
from relay_bridge.emulator.service_channel import BadResponse, BodyPiece, ListenerResponse, ServiceRendezvous
from relay_bridge.emulator.socket_end import SocketEnd

MAX_RESPONSE_TEXT: Final = 262_144  # bytes of JSON; the service states no limit for a rendezvous, an emulator needs one


class Exchange(Protocol):
    """What a rendezvous tells the request it belongs to."""

    id: str

    def answer(self, response: ListenerResponse | BadResponse, *, streamed: bool) -> None: ...
    def response_body(self, piece: BodyPiece) -> None: ...
    def rendezvous_has_room(self) -> None: ...
    def rendezvous_closed(self, code: int) -> None: ...


class RequestRendezvous(SocketEnd):
    """The relay's end of it. Good for one response; the relay closes it with 1000 behind the last byte."""

    __slots__ = ("_exchange", "_is_text", "_messages", "_record", "_service")

    def __init__(self, exchange: Exchange, connection: Connection, record: StreamRecord | None) -> None:
        super().__init__(connection, f"Rendezvous {exchange.id[:80]}")
        self._exchange: Exchange | None = exchange
        self._record = record
        self._service = ServiceRendezvous(exchange.id)
        self._messages = MessageReader(max_text=MAX_RESPONSE_TEXT, max_binary=0)
        self._is_text = False

    @property
    def is_full(self) -> bool:
        """The listener does not read."""
        return self.connection.writing_paused

    def send_text(self, text: bytes) -> None:
        if self._record is not None:
            self._record.to_listener(text)
        self.connection.write(frame(Opcode.TEXT, text))

    def send_body(self, data: bytes, *, first: bool, last: bool) -> bool:
        """A fragment of the one binary message that is a body; False when no more should come until there is room."""
        if self._record is not None:
            self._record.to_listener(data)
        return self.connection.write(frame(Opcode.BINARY if first else Opcode.CONTINUATION, data, fin=last))

    # What the socket says

    def take_piece(self, piece: Piece) -> None:
        if piece.opcode != Opcode.CONTINUATION:
            self._is_text = piece.opcode == Opcode.TEXT
        if self._record is not None:
            self._record.to_sender(piece.payload)
        if self._is_text:
            message = self._messages.take(piece)
            response = self._service.receive_text(message.payload) if message is not None else None
            if response is not None and self._exchange is not None:
                self._exchange.answer(response, streamed=True)
        else:
            fragment = self._service.receive_fragment(piece.payload, piece.fin)
            if fragment is not None and self._exchange is not None:
                self._exchange.response_body(fragment)

    def has_room(self) -> None:
        if self._exchange is not None:
            self._exchange.rendezvous_has_room()

    def close(self, code: int, reason: str) -> None:
        """The exchange is over: what the listener still says is nobody's business."""
        exchange, self._exchange = self._exchange, None
        super().close(code, reason)
        if exchange is not None:
            exchange.rendezvous_closed(code)

    def socket_closed(self, code: int) -> None:
        if self._record is not None:
            self._record.close()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.rendezvous_closed(code)
