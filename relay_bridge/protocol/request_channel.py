"""A rendezvous socket for HTTP as a calculation, the listener's end: a request comes in, its answer goes out.

    comes    NOTHING ── request text ──► BODY ── last fragment ──► NOTHING     (without a body it stays in NOTHING)
    goes     NOTHING ── a request is here ──► HEAD ── response text ──► BODY ── last fragment ──► NOTHING

Opened for one of two reasons: to fetch the request that a ``RequestPointer`` spoke of, or to answer one that came over
the control channel with more than fits there. Both directions run at once: an answer may begin, and even end, before
the body of its request has. Another request may follow when the exchange is over, not before. After a
``ProtocolViolation`` the socket is of no more use: close it with 1002.
"""

from __future__ import annotations

import enum

from relay_bridge.protocol.commands import Request, Response, UnknownCommand, format_response, parse_command
from relay_bridge.protocol.errors import HttpMessageError, ProtocolViolation
from relay_bridge.protocol.http_rules import body_allowed
from relay_bridge.protocol.limits import MAX_RENDEZVOUS_TEXT


class Comes(enum.Enum):
    NOTHING = "no request under way"
    BODY = "the body of a request under way"
    CLOSED = "closed"


class Goes(enum.Enum):
    NOTHING = "nothing to answer"
    HEAD = "a response due"
    BODY = "the body of a response due"
    CLOSED = "closed"


class RequestChannel:
    """State of one rendezvous socket. ``answering``: the request that it was opened to answer, if it was for that."""

    def __init__(self, answering: Request | None = None) -> None:
        self.request = answering  # the one that is being received or answered
        self.comes = Comes.NOTHING
        self.goes = Goes.NOTHING if answering is None else Goes.HEAD

    @property
    def idle(self) -> bool:
        """Whether the exchange is over, so that the socket may be closed with 1000 or waited on for another request."""
        return self.comes is not Comes.BODY and self.goes in {Goes.NOTHING, Goes.CLOSED}

    def receive_text(self, text: str | bytes) -> Request | None:
        """A text message: a whole request, or None for what is to be ignored. ``ProtocolViolation`` for anything else.

        A ``RequestUnusable`` among them can only be closed on: what is no request cannot be answered here.
        """
        if self.comes is not Comes.NOTHING:
            raise ProtocolViolation(f"a text message on a rendezvous with {self.comes.value}")
        command = parse_command(text, MAX_RENDEZVOUS_TEXT)
        if isinstance(command, UnknownCommand):
            return None
        if not isinstance(command, Request):
            raise ProtocolViolation("a command on a rendezvous that is no whole request")
        if self.goes is not Goes.NOTHING:
            raise ProtocolViolation("a second request on a rendezvous before the first was answered")
        self.request = command
        self.comes = Comes.BODY if command.has_body else Comes.NOTHING
        self.goes = Goes.HEAD
        return command

    def receive_binary(self, fragment: bytes, *, last: bool) -> bytes | None:
        """A fragment of a binary message, ``last`` with FIN: part of the body, or None for one that nobody announced.

        Protocol, bodies: one message, in as many fragments as it likes, the final one often empty.
        """
        if self.comes is Comes.CLOSED:
            raise ProtocolViolation("a binary message on a rendezvous that is closed")
        if self.comes is Comes.NOTHING:
            return None
        if last:
            self.comes = Comes.NOTHING
            self._forget_when_over()
        return fragment

    def respond(self, response: Response) -> str:
        """The text to send now. With ``has_body`` its fragments must be the next thing on this socket.

        Raises ``HttpMessageError`` for an answer out of turn, to another request, or with a body where HTTP has none.
        """
        if self.goes is not Goes.HEAD or self.request is None:
            raise HttpMessageError(f"a response on a rendezvous with {self.goes.value}")
        if response.request_id != self.request.id:
            raise HttpMessageError("a response to another request than the one of this rendezvous")
        if response.has_body and not body_allowed(self.request.method, response.status):
            raise HttpMessageError(f"a response to {self.request.method} with status {response.status} has no body")
        text = format_response(response)
        self.goes = Goes.BODY if response.has_body else Goes.NOTHING
        self._forget_when_over()
        return text

    def send_body(self, fragment: bytes, *, last: bool) -> bytes:
        """The fragment to send now, with FIN if it is the ``last``. ``HttpMessageError`` when none was announced."""
        if self.goes is not Goes.BODY:
            raise HttpMessageError(f"a body on a rendezvous with {self.goes.value}")
        if last:
            self.goes = Goes.NOTHING
            self._forget_when_over()
        return fragment

    def closed(self, code: int | None, reason: str) -> str:
        """The socket ended. What that means for the exchange under way, in a sentence; empty when none was."""
        was_idle = self.idle
        self.comes, self.goes, self.request = Comes.CLOSED, Goes.CLOSED, None
        if was_idle:
            return ""
        words = _WORDS.get(code or 0, "the connection to the relay broke")
        return f"{words}{f' ({code}: {reason[:123]})' if code and reason else ''} before the exchange was over"

    def _forget_when_over(self) -> None:
        if self.idle:
            self.request = None


# Protocol, failures: the close codes of a rendezvous.
_WORDS = {
    1000: "the relay ended the rendezvous",
    1001: "the sender went away, or the hybrid connection was deleted",
    1008: "the relay refused the rendezvous",
    1011: "the relay or the sender's connection failed",
}
