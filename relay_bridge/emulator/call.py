"""One HTTP request on a connection, from its head to the last byte of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from relay_bridge.emulator.http_head import RequestHead

if TYPE_CHECKING:
    from relay_bridge.emulator.connection import Connection

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class CallSink(Protocol):
    """What takes a request's body, and learns what becomes of its caller. It must not block."""

    def body_received(self, data: bytes) -> None: ...
    def body_complete(self) -> None: ...
    def writing_resumed(self) -> None: ...
    def caller_lost(self) -> None: ...


class Call:
    """A request that is being answered.

    Whoever answers sets ``sink`` first when it wants the body. The answer is either one ``respond``, or ``write`` any
    number of times and one ``finish``; its bytes are the caller's business, ``will_close`` tells what they must say.
    """

    __slots__ = ("answered", "begun", "body_done", "connection", "head", "sink", "started_at")

    def __init__(self, connection: Connection, head: RequestHead, started_at: float) -> None:
        self.connection = connection
        self.head = head
        self.sink: CallSink | None = None
        self.body_done = head.body_length == 0
        self.begun = False  # a part of the answer has been written
        self.answered = False
        self.started_at = started_at  # time of the event loop

    @property
    def will_close(self) -> bool:
        """Whether an answer that is given now must say ``Connection: close``."""
        return not (self.head.keep_alive and self.body_done)

    @property
    def is_open(self) -> bool:
        return not self.answered and self.connection.is_open

    def respond(self, answer: bytes, *, close: bool = False) -> None:
        """The whole answer. ``close`` ends the connection behind it, as ``will_close`` does."""
        if not self.answered:
            self.connection.write(answer)
            self.finish(close=close or self.will_close)

    def write(self, data: bytes) -> bool:
        """A part of the answer; False when no more should come until the sink's ``writing_resumed``."""
        self.begun = True
        return self.connection.write(data)

    def finish(self, *, close: bool) -> None:
        """The answer is complete."""
        if not self.answered:
            self.answered = True
            self.sink = None
            self.connection.call_answered(close=close)

    def cut(self) -> None:
        """The answer breaks off: the connection is all that can say so."""
        self.answered = True
        self.sink = None
        self.connection.cut()

    def ask_for_body(self) -> None:
        """The body is wanted: a caller that waits for that word goes on (RFC 9110, 10.1.1)."""
        if self.head.expects_continue and not self.body_done:
            self.connection.write(_CONTINUE)
