"""Many phones in one process: real sockets that follow one site's overview and answer as its page does.

The WebSocket protocol is the websockets library's, driven directly: a thousand phones must cost the measuring side
less than they cost the web app, and a frame's arrival is noted before anything else is done with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Origin
from websockets.uri import parse_uri

from benchmarks.people import Person
from benchmarks.programs import LOOPBACK, BenchError

OPEN_DEADLINE = 60.0  # seconds for all phones of one call of ``Crowd.grow``
AT_ONCE = 20  # handshakes at the same time
QUIET = 0.2  # seconds without any frame: a window starts and ends between two changes
QUIET_DEADLINE = 1.5  # seconds; a web app that never falls quiet is measured all the same
_KIND, _NUMBER = 6, 13  # places in {"k":"d","n":12,"t":1795370000000,...


@dataclass
class Tally:
    """What all phones together received since it was made. ``delays`` in ms, of data frames."""

    delays: list[float] = field(default_factory=list)
    wire_bytes: int = 0  # as received, WebSocket headers included
    sent_bytes: int = 0
    texts: list[bytes] = field(default_factory=list)  # kept only when asked for


class Phone(asyncio.Protocol):
    """One page with its socket."""

    def __init__(self, crowd: Crowd, person: Person) -> None:
        self.frames = 0  # data frames since the window began
        self.live = asyncio.get_running_loop().create_future()
        self._crowd = crowd
        self._person = person
        self._next = 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._socket = ClientProtocol(
            parse_uri(self._crowd.address),
            origin=Origin(self._crowd.origin),
            extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)],  # as browsers offer it
        )
        request = self._socket.connect()
        request.headers["Cookie"] = f"{self._crowd.cookie}={self._person.session.session_key}"
        self._socket.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        arrived = time.time() * 1000
        tally = self._crowd.tally
        tally.wire_bytes += len(data)
        self._crowd.heard_at = time.monotonic()
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._take(bytes(event.data), arrived, tally)
            elif isinstance(event, Response) and event.status_code != 101:
                self._fail(f"the web app answered a phone with {event.status_code}")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._crowd.leaving:
            self._fail("the web app dropped a phone")

    def _take(self, text: bytes, arrived: float, tally: Tally) -> None:
        if self._crowd.keep_texts:
            tally.texts.append(text)
        kind = text[_KIND : _KIND + 1]
        if kind == b"b":
            self._fail(f"the web app ended a page: {text.decode()}")
            return
        end = text.index(b",", _NUMBER)
        number = int(text[_NUMBER:end])
        if number != self._next:
            self._fail(f"frame {number} came where {self._next} was due")
        self._next = number + 1
        if kind == b"d":
            self.frames += 1
            start = end + 5
            tally.delays.append(arrived - int(text[start : text.index(b",", start)]))
        if not self.live.done() and b'"link":["live"' in text:
            self.live.set_result(None)
        if kind in {b"s", b"d"}:
            self._socket.send_text(b'{"ok":%d}' % number)

    def _flush(self) -> None:
        for data in self._socket.data_to_send():
            if data:
                self._crowd.tally.sent_bytes += len(data)
                self._transport.write(data)

    def _fail(self, why: str) -> None:
        self._crowd.problems.append(why)
        if not self.live.done():
            self.live.set_exception(BenchError(why))
            self.live.exception()  # looked at by whoever opens phones; nobody else need be told

    def close(self) -> None:
        if self._socket.state is State.OPEN:
            self._socket.send_close(1001)
            self._flush()
        self._transport.close()


class Crowd:
    """Phones on one web app. ``problems`` must stay empty."""

    def __init__(self, port: int, slug: str, origin: str, cookie: str) -> None:
        self.address = f"ws://{LOOPBACK}:{port}/ws/sites/{slug}/"
        self.origin = origin
        self.cookie = cookie
        self.phones: list[Phone] = []
        self.problems: list[str] = []
        self.tally = Tally()
        self.keep_texts = False
        self.heard_at = 0.0
        self.leaving = False
        self._port = port

    async def grow(self, people: Sequence[Person]) -> float:
        """One more phone for each of ``people``; returns the seconds until all of them show live values."""
        begun = time.monotonic()
        gate = asyncio.Semaphore(AT_ONCE)
        async with asyncio.timeout(OPEN_DEADLINE):
            await asyncio.gather(*(self._open(person, gate) for person in people))
        return time.monotonic() - begun

    async def _open(self, person: Person, gate: asyncio.Semaphore) -> None:
        async with gate:
            make: Callable[[], Phone] = lambda: Phone(self, person)  # noqa: E731
            _, phone = await asyncio.get_running_loop().create_connection(make, LOOPBACK, self._port)
            self.phones.append(phone)
            await phone.live

    async def begin_window(self) -> None:
        await self._quiet()
        self.tally = Tally()
        for phone in self.phones:
            phone.frames = 0

    async def end_window(self) -> Tally:
        await self._quiet()
        return self.tally

    async def _quiet(self) -> None:
        deadline = time.monotonic() + QUIET_DEADLINE
        while time.monotonic() < min(self.heard_at + QUIET, deadline):  # noqa: ASYNC110 - silence rings no bell
            await asyncio.sleep(0.02)

    def leave(self) -> None:
        self.leaving = True
        for phone in self.phones:
            phone.close()
        self.phones.clear()
