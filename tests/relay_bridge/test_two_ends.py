"""Two pure ends wired back to back: our listener's, and the relay's as the emulator has it. They share no code.

Between them run real frames, cut and delivered in any way: the emulator's own frames on one side, those of the
WebSocket library on the other. Whatever was sent arrives as it was sent, in order, each body with its own header.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from relay_bridge.emulator.frames import FrameReader, frame
from relay_bridge.emulator.messages import MessageReader
from relay_bridge.emulator.service_channel import (
    BodyPiece,
    ListenerResponse,
    ServiceChannel,
    ServiceRendezvous,
    TokenRenewal,
    format_accept,
    format_pointer,
    format_request,
)
from relay_bridge.protocol.commands import (
    Accept,
    Request,
    RequestPointer,
    Response,
    format_renew_token,
    format_response,
)
from relay_bridge.protocol.control_channel import ControlChannel, IncomingRequest
from relay_bridge.protocol.errors import RequestUnusable
from relay_bridge.protocol.http_rules import body_allowed, clean_reason_phrase, clean_response_headers
from relay_bridge.protocol.limits import MAX_CONTROL_BODY, MAX_CONTROL_MESSAGE, MAX_RENDEZVOUS_TEXT
from relay_bridge.protocol.request_channel import RequestChannel
from tests.support.fuzzing import fuzz

REMOTE = ("10.0.0.7", 52100)


class Wire:
    """A socket between the two ends. ``cuts`` says where messages are cut into frames, and bytes into deliveries."""

    def __init__(self, cuts: Iterator[int]) -> None:
        self._cuts = cuts
        self._client = ClientProtocol(parse_uri("ws://relay/"), state=State.OPEN, max_size=None)
        self._down = b""  # to the listener
        self._up = b""  # to the relay
        self._reader = FrameReader()
        self._whole = MessageReader(max_text=MAX_RENDEZVOUS_TEXT, max_binary=MAX_RENDEZVOUS_TEXT)
        self._parts = b""
        self._is_text = False

    def send_down(self, payload: bytes, *, text: bool) -> None:
        """The relay sends a message."""
        opcode = Opcode.TEXT if text else Opcode.BINARY
        for fragment, last in self._fragments(payload):
            self._down += frame(opcode, fragment, fin=last)
            opcode = Opcode.CONT

    def send_up(self, payload: bytes, *, text: bool) -> None:
        """The listener sends a message."""
        send = self._client.send_text if text else self._client.send_binary
        for fragment, last in self._fragments(payload):
            send(fragment, fin=last)
            send = self._client.send_continuation
        self._up += b"".join(self._client.data_to_send())

    def fragments_down(self) -> Iterator[tuple[bool, bytes, bool]]:
        """What reaches the listener next: whether it is text, a fragment, and whether it is the last one."""
        arrived, self._down = self._deliver(self._down)
        self._client.receive_data(arrived)
        for event in self._client.events_received():
            if event.opcode is not Opcode.CONT:
                self._is_text = event.opcode is Opcode.TEXT
            yield self._is_text, bytes(event.data), event.fin

    def messages_down(self) -> Iterator[tuple[bool, bytes]]:
        """The same as whole messages."""
        for is_text, fragment, last in self.fragments_down():
            self._parts += fragment
            if last:
                whole, self._parts = self._parts, b""
                yield is_text, whole

    def pieces_up(self) -> Iterator[tuple[int, bytes, bool]]:
        """What reaches the relay next, in its own pieces."""
        arrived, self._up = self._deliver(self._up)
        for piece in self._reader.feed(arrived):
            yield piece.opcode, piece.payload, piece.fin
        assert self._reader.error is None

    def messages_up(self) -> Iterator[tuple[bool, bytes]]:
        """The same as whole messages."""
        arrived, self._up = self._deliver(self._up)
        for piece in self._reader.feed(arrived):
            message = self._whole.take(piece)
            if message is not None:
                yield message
        assert self._reader.error is None

    @property
    def empty(self) -> bool:
        return not self._down and not self._up

    def _fragments(self, payload: bytes) -> Iterator[tuple[bytes, bool]]:
        at = 0
        for _ in range(next(self._cuts) % 4):
            size = next(self._cuts) % (len(payload) - at + 1)
            yield payload[at : at + size], False  # an empty fragment is one too
            at += size
        yield payload[at:], True

    def _deliver(self, waiting: bytes) -> tuple[bytes, bytes]:
        size = 1 + next(self._cuts) * next(self._cuts) if waiting else 0
        return waiting[:size], waiting[size:]


def cutting(numbers: list[int]) -> Iterator[int]:
    """The drawn numbers over and over; 255 in between, so that every run comes to an end."""
    while True:
        yield from numbers
        yield 255


names = st.sampled_from(["Host", "X-Name", "accept", "0", "Via", "Set-Cookie"])
values = st.text(st.sampled_from('aZ ,;="\\/\tü✓\U0001f600'), max_size=8).map(str.strip)
headers = st.dictionaries(names, values, max_size=3)
small = st.binary(max_size=40)
bodies = st.one_of(st.none(), small, small, st.sampled_from([65_535, 65_536]).map(bytes))
targets = st.sampled_from(["/hyco", "/hyco/a%2fb/?x=1&&y=+%20", "/hyco/?&&&"])
methods = st.sampled_from(["GET", "POST", "HEAD", "DELETE", "BREW"])
statuses = st.sampled_from([200, 201, 204, 304, 404, 502, 999])
reasons = st.sampled_from(["", "OK", "I'm a teapot", "grün"])
cuts = st.lists(st.integers(0, 255), min_size=1, max_size=12).map(cutting)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), headers),
        st.tuples(st.just("request"), methods, targets, headers, bodies),
        st.tuples(st.just("pointer")),
        st.tuples(st.just("respond"), st.integers(0, 9), statuses, reasons, headers, bodies, st.booleans()),
        st.tuples(st.just("renew"), st.sampled_from(["SharedAccessSignature sr=a&sig=b%3D&se=1&skn=c", "eyJ.x.y"])),
        st.tuples(st.just("deliver")),
        st.tuples(st.just("deliver")),
    ),
    max_size=14,
)


def as_the_relay_writes(request: Request) -> bytes:
    return format_request(
        request.address,
        request_id=request.id,
        target=request.target,
        method=request.method,
        headers=dict(request.headers),
        remote=REMOTE,
        has_body=request.has_body,
    )


class ControlPair:
    """Both ends of one control channel; what each one sent and what each one got."""

    def __init__(self, cuts: Iterator[int]) -> None:
        self.wire = Wire(cuts)
        self.service = ServiceChannel()
        self.listener = ControlChannel(ping_interval=1.5, pong_deadline=3.0)
        self.listener.opened(0.0, None)
        self.sent_down: list[object] = []
        self.got_down: list[object] = []
        self.sent_up: list[object] = []
        self.got_up: list[object] = []
        self.open: list[Request] = []  # requests that reached the listener and have no answer yet
        self._ids = count(1)

    def accept(self, headers: dict[str, str]) -> None:
        identifier = f"{next(self._ids)}_G1"
        address = f"wss://g1.example/$hc/hyco?sb-hc-action=accept&sb-hc-id={identifier}_G2"
        self.sent_down.append(Accept(address, identifier, headers, "10.0.0.7:52100"))
        self.wire.send_down(format_accept(address, identifier, headers, REMOTE), text=True)

    def request(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> None:
        identifier = f"{next(self._ids)}_G1"
        address = f"wss://g1.example/$hc/hyco?sb-hc-action=request&sb-hc-id={identifier}"
        request = Request(address, identifier, target, method, headers, "10.0.0.7:52100", body is not None)
        self.sent_down.append(IncomingRequest(request, body or b""))
        self.wire.send_down(as_the_relay_writes(request), text=True)
        if body is not None:
            self.wire.send_down(body, text=False)

    def pointer(self) -> None:
        address = f"wss://g1.example/$hc/hyco?sb-hc-action=request&sb-hc-id={next(self._ids)}"
        self.sent_down.append(RequestPointer(address))
        self.wire.send_down(format_pointer(address), text=True)

    def respond(
        self, which: int, status: int, reason: str, headers: dict[str, str], body: bytes | None, stray: bool
    ) -> None:
        """Answer any of the open requests. ``stray``: an empty binary message behind an answer without a body."""
        if not self.open:
            return
        request = self.open.pop(which % len(self.open))
        clean = clean_response_headers(headers)
        if not body_allowed(request.method, status):
            body = None
        head = Response(request.id, status, reason, clean, has_body=body is not None)
        self.sent_up.append(
            ListenerResponse(
                request.id, status, clean_reason_phrase(reason), tuple(clean.items()), head.has_body, body or b""
            )
        )
        self.wire.send_up(format_response(head).encode(), text=True)
        if body is not None:
            self.wire.send_up(body, text=False)
        elif stray:
            self.wire.send_up(b"", text=False)

    def renew(self, token: str) -> None:
        self.sent_up.append(TokenRenewal(token))
        self.wire.send_up(format_renew_token(token).encode(), text=True)

    def deliver(self) -> None:
        for is_text, payload in self.wire.messages_down():
            got = self.listener.receive_text(payload, 0.0) if is_text else self.listener.receive_binary(payload, 0.0)
            if got is not None:
                self.got_down.append(got)
            if isinstance(got, IncomingRequest):
                self.open.append(got.request)
        for is_text, payload in self.wire.messages_up():
            self.got_up += self.service.receive_text(payload) if is_text else self.service.receive_binary(payload)


@fuzz(120, share=0.01)
@given(steps, cuts)
def test_a_control_channel_carries_what_was_sent(steps, cuts):
    pair = ControlPair(cuts)
    for name, *arguments in steps:
        getattr(pair, name)(*arguments)
    while not pair.wire.empty:
        pair.deliver()
    assert pair.got_down == pair.sent_down
    assert pair.got_up == pair.sent_up


exchanges = st.lists(
    st.tuples(
        st.tuples(methods, targets, headers, bodies),
        st.tuples(statuses, reasons, headers, bodies),
        st.booleans(),  # the answer goes out before the request's body has been read
    ),
    min_size=1,
    max_size=3,
)


@fuzz(80, share=0.01)
@given(exchanges, cuts, st.booleans())
def test_a_rendezvous_carries_what_was_sent(exchanges, cuts, answers_a_control_request):
    wire = Wire(cuts)
    listener = RequestChannel()
    for number, (asked, answered, answered_early) in enumerate(exchanges):
        method, target, wanted, body = asked
        early = answered_early
        request = Request(
            "wss://g1/$hc/hyco", f"{number}_G1", target, method, wanted, "10.0.0.7:52100", body is not None
        )
        if number == 0 and answers_a_control_request:
            listener, body, early = RequestChannel(request), None, False
        else:
            wire.send_down(as_the_relay_writes(request), text=True)
            if body is not None:
                wire.send_down(body, text=False)
            got = read_request(wire, listener, stop_at_body=early)
            assert got[0] == request
        status, reason, given_headers, answer = answered
        clean = clean_response_headers(given_headers)
        answer = answer if body_allowed(method, status) else None
        wire.send_up(
            listener.respond(Response(request.id, status, reason, clean, answer is not None)).encode(), text=True
        )
        if answer is not None:
            wire.send_up(listener.send_body(answer, last=True), text=False)
        elif early:
            wire.send_up(b"", text=False)
        service = ServiceRendezvous(request.id)
        response, carried = read_response(wire, service)
        assert response == ListenerResponse(
            request.id, status, clean_reason_phrase(reason), tuple(clean.items()), answer is not None
        )
        assert carried == (answer or b"")
        if not (number == 0 and answers_a_control_request):
            while not listener.idle:
                got[1] += b"".join(take_fragments(wire, listener))
            assert got[1] == (body or b"")
        assert listener.idle
        assert listener.request is None


def read_request(wire: Wire, listener: RequestChannel, *, stop_at_body: bool) -> list:
    """Deliver until the request (and, unless ``stop_at_body``, its body) is there: the request and the body so far."""
    request: Request | None = None
    body = text = b""
    while request is None or (listener.comes.name == "BODY" and not stop_at_body):
        for is_text, fragment, last in wire.fragments_down():
            if is_text:
                text += fragment
                if last:
                    request = listener.receive_text(text)
                    text = b""
            else:
                body += listener.receive_binary(fragment, last=last) or b""
    return [request, body]


def take_fragments(wire: Wire, listener: RequestChannel) -> Iterator[bytes]:
    for is_text, fragment, last in wire.fragments_down():
        assert not is_text
        yield listener.receive_binary(fragment, last=last) or b""


def read_response(wire: Wire, service: ServiceRendezvous) -> tuple[object, bytes]:
    response: object = None
    body = text = b""
    is_text = False
    while not service.done:
        for opcode, payload, last in wire.pieces_up():
            is_text = opcode == Opcode.TEXT if opcode != Opcode.CONT else is_text
            if not is_text:
                piece = service.receive_fragment(payload, last)
                assert piece is None or piece == BodyPiece(payload, last)
                body += piece.data if piece else b""
                continue
            text += payload
            if last:
                response = service.receive_text(text)
                text = b""
    return response, body


def test_the_largest_body_of_a_control_channel_both_ways():
    pair = ControlPair(cutting([255]))
    pair.request("POST", "/hyco", {}, bytes(MAX_CONTROL_BODY))
    while not pair.wire.empty:
        pair.deliver()
    pair.respond(0, 200, "", {}, bytes(MAX_CONTROL_BODY), stray=False)
    while not pair.wire.empty:
        pair.deliver()
    assert pair.got_down == pair.sent_down
    assert pair.got_up == pair.sent_up


def test_headers_at_the_limit_still_fit_the_control_channel():
    pair = ControlPair(cutting([255]))
    pair.request("GET", "/hyco", {}, None)
    while not pair.wire.empty:
        pair.deliver()
    pair.respond(0, 200, "", {"a": "b" * 32_000}, None, stray=False)
    while not pair.wire.empty:
        pair.deliver()
    assert pair.got_up == pair.sent_up
    assert len(format_response(Response("1_G1", 200, "", {"a": "b" * 32_000}))) < MAX_CONTROL_MESSAGE


@pytest.mark.parametrize("second", [None, b"second"])
def test_a_relay_that_forgets_a_body_gets_no_body_attached_to_another_request(second):
    pair = ControlPair(cutting([255]))
    forgotten = Request("wss://g1/$hc/hyco", "0", "/hyco", "POST", has_body=True)
    assert pair.listener.receive_text(as_the_relay_writes(forgotten), 0.0) is None
    next_one = Request("wss://g1/$hc/hyco", "1", "/hyco", "POST", has_body=second is not None)
    with pytest.raises(RequestUnusable) as caught:
        pair.listener.receive_text(as_the_relay_writes(next_one), 0.0)
    assert caught.value.request_id == "0"
    assert pair.listener.receive_binary(b"the forgotten one", 0.0) is None
