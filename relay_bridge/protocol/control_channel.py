"""A listener's control channel as a calculation: what arrived and how late it is go in, what to do comes out.

    OPENING ── opened() ──► OPEN ── time_passed() finds the pong overdue, or closed() ──► CLOSED
                            │  ▲
      request with a body   ▼  │  its body, or anything else: the request is given up
                       AWAITING_BODY

It answers two questions that a connected socket does not: does the relay still answer (a proven round trip: our ping,
its pong), and is the token still good (``renewToken`` long before it expires)? And it keeps the one rule of order that
the protocol has: the body of a request is the very next message. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from relay_bridge.protocol.commands import Accept, Request, RequestPointer, UnknownCommand, parse_command
from relay_bridge.protocol.errors import ProtocolViolation, RequestUnusable
from relay_bridge.protocol.limits import MAX_CONTROL_BODY, RESPONSE_DEADLINE

MIN_RENEWAL_GAP = 1.0  # seconds between two renewals, whatever a credential says
RENEWAL_RETRY = 5.0  # seconds until the next try when a new token could not be made or sent


class State(enum.Enum):
    OPENING = "opening"
    OPEN = "open"
    AWAITING_BODY = "waiting for the body of a request"
    CLOSED = "closed"


@dataclass(slots=True)
class IncomingRequest:
    """An HTTP request that is here as a whole. ``body`` is empty when there is none."""

    request: Request
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class SendPing:
    """Send a ping now; report its pong with ``pong_received``."""


@dataclass(frozen=True)
class RenewToken:
    """Send ``renewToken`` now; then call ``token_sent`` or ``renewal_failed``."""


@dataclass(frozen=True)
class Lost:
    """The relay does not answer although the socket looks open. Abort it: a polite close would wait for the dead."""

    reason: str


@dataclass(frozen=True)
class Closing:
    """What the end of the channel means. ``expected``: part of normal service, to be logged as such."""

    reason: str
    expected: bool


Duty = SendPing | RenewToken | Lost


class ControlChannel:
    """State of one control channel. One object per connection; it is not used again.

    ``ping_interval``: seconds of silence after which we ping. ``pong_deadline``: seconds after which a missing pong
    means that the relay is gone. A frozen relay is noticed within the sum of the two.
    """

    def __init__(self, *, ping_interval: float, pong_deadline: float) -> None:
        if ping_interval <= 0 or pong_deadline <= 0:
            raise ValueError("ping_interval and pong_deadline are seconds above 0")
        self.ping_interval = ping_interval
        self.pong_deadline = pong_deadline
        self.state = State.OPENING
        self.proven = False  # a ping of ours has been answered
        self._ping_due = 0.0
        self._pong_due: float | None = None  # a ping is under way
        self._renew_due: float | None = None
        self._awaited: Request | None = None  # in AWAITING_BODY
        self._body_due = 0.0

    def opened(self, now: float, renew_in: float | None) -> None:
        """The handshake succeeded. ``renew_in``: seconds until the token wants renewal, None when it cannot be."""
        self._require(State.OPENING)
        self.state = State.OPEN
        self._ping_due = now  # at once: an answered handshake does not yet prove a round trip on this socket
        self._renew_due = None if renew_in is None else now + max(MIN_RENEWAL_GAP, renew_in)

    def receive_text(self, text: str | bytes, now: float) -> Accept | RequestPointer | IncomingRequest | None:
        """A text message: what to do about it, or None. ``ProtocolViolation`` when it is no command.

        In ``AWAITING_BODY`` it is a violation whatever it says (``RequestUnusable``, which names the request): the
        order on this socket is broken, so that a body that comes now cannot be told to belong to either. Both are given
        up, the channel goes on.
        """
        self._require_open()
        self._heard(now)
        self._check_body_due(now)
        if self._awaited is not None:
            request = self._give_up()
            raise RequestUnusable(
                "a text message where the body of a request was due", request_id=request.id, status=400
            )
        command = parse_command(text)
        if isinstance(command, Request):
            if not command.has_body:
                return IncomingRequest(command)
            self._awaited = command
            self._body_due = now + RESPONSE_DEADLINE
            self.state = State.AWAITING_BODY
            return None
        return None if isinstance(command, UnknownCommand) else command

    def receive_binary(self, data: bytes, now: float) -> IncomingRequest | None:
        """A whole binary message: the body that was awaited completes its request; any other is dropped (None).

        Unannounced ones do occur: a client of the service sends an empty one after a response without a body.
        ``RequestUnusable`` for a body that is larger than what may come this way.
        """
        self._require_open()
        self._heard(now)
        self._check_body_due(now)
        if self._awaited is None:
            return None
        request = self._give_up()
        if len(data) > MAX_CONTROL_BODY:
            raise RequestUnusable(
                f"a body of {len(data)} bytes on the control channel, over its limit of {MAX_CONTROL_BODY}",
                request_id=request.id,
                status=413,
            )
        return IncomingRequest(request, data)

    def pong_received(self, now: float) -> None:
        """The answer to our latest ping."""
        self.proven = True
        self._pong_due = None
        self._ping_due = now + self.ping_interval

    def token_sent(self, now: float, renew_in: float | None) -> None:
        """``renewToken`` was sent. The service does not answer it, and closes with 1008 when it does not like it."""
        self._renew_due = None if renew_in is None else now + max(MIN_RENEWAL_GAP, renew_in)

    def renewal_failed(self, now: float) -> None:
        """No new token could be made or sent; the old one has half of its life left, time for more tries."""
        self._renew_due = now + RENEWAL_RETRY

    def time_passed(self, now: float) -> list[Duty]:
        """What is due at ``now``. To be called at ``next_due()`` or earlier."""
        if self.state in {State.OPENING, State.CLOSED}:
            return []
        if self._pong_due is not None and now >= self._pong_due:
            self.state = State.CLOSED
            return [Lost(f"the relay did not answer a ping within {self.pong_deadline:g} s")]
        duties: list[Duty] = []
        if self._pong_due is None and now >= self._ping_due:
            self._pong_due = now + self.pong_deadline
            duties.append(SendPing())
        if self._renew_due is not None and now >= self._renew_due:
            self._renew_due = None  # until token_sent or renewal_failed says when next
            duties.append(RenewToken())
        return duties

    def next_due(self) -> float:
        """When ``time_passed`` has something to say next."""
        due = self._ping_due if self._pong_due is None else self._pong_due
        return due if self._renew_due is None else min(due, self._renew_due)

    def closed(self, code: int | None, reason: str) -> Closing:
        """The socket ended with close code ``code`` (None or 1006: it just broke)."""
        self.state = State.CLOSED
        self._awaited = None
        return explain_close(code, reason)

    def _heard(self, now: float) -> None:
        # A ping under way is waited for, whatever else arrives; and the first one, the proof, is not put off.
        if self.proven and self._pong_due is None:
            self._ping_due = now + self.ping_interval

    def _give_up(self) -> Request:
        request = self._awaited
        assert request is not None  # noqa: S101 - both callers have looked
        self._awaited = None
        self.state = State.OPEN
        return request

    def _check_body_due(self, now: float) -> None:
        # By then the relay has told the sender that nobody answered; what still comes belongs to nothing.
        if self._awaited is not None and now >= self._body_due:
            self._give_up()

    def _require(self, state: State) -> None:
        if self.state is not state:
            raise ProtocolViolation(f"the control channel is {self.state.value}, not {state.value}")

    def _require_open(self) -> None:
        if self.state is not State.AWAITING_BODY:
            self._require(State.OPEN)


_WORDS: dict[int, tuple[str, bool]] = {
    1000: ("the relay closed the control channel", True),
    1001: ("the hybrid connection was deleted or disabled, or the relay is shutting down", False),
    1008: ("the relay no longer accepts the token", False),
    # The service recycles every listener about once a day with "InternalServerError: NameRenewalFailed".
    1011: ("the relay recycled the control channel, or had a fault", True),
    1012: ("the relay is restarting", True),
}


def explain_close(code: int | None, reason: str) -> Closing:
    """The close codes of the service in words."""
    words, expected = _WORDS.get(code or 1006, ("the connection to the relay broke", False))
    detail = f" ({code}{': ' + reason[:123] if reason else ''})" if code and code != 1006 else ""
    return Closing(words + detail, expected)
