"""One control channel on its socket: read, kept alive, written to; and which answers are known to have arrived.

A response and its body leave in one write, so that nothing can come between them (Protocol, Bodies: the body is the
next binary message after its JSON). All answers of one turn of the event loop share it: a write costs more than an
answer.

The relay does not confirm answers. A ping sent after one and answered proves that the relay has read it: as long as
that proof is missing, an answer counts as lost when the channel ends.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from relay_bridge.protocol.commands import Accept, RequestPointer, format_renew_token
from relay_bridge.protocol.control_channel import Closing, ControlChannel, IncomingRequest, Lost, RenewToken
from relay_bridge.protocol.errors import ProtocolViolation, RelayError, RequestUnusable
from relay_bridge.transport.credentials import Credential, current_token
from relay_bridge.transport.dial import abort, close_quietly

logger = logging.getLogger(__name__)

PROOF_AFTER: Final = 1.0  # seconds after an answer until we ask whether the relay has read it
MAX_UNPROVEN: Final = 65_536  # answers since the last proof; of more than that, the oldest are taken as arrived
UNCONFIRMED: Final = "the control channel ended before the relay had confirmed the answer"
MAX_HELD: Final = 32_768  # bytes of answers that wait for the end of the turn; more leave at once
_LATE: Final = 0.5  # seconds: the loop itself was held up, so what it has not read yet must be read before judging


@dataclass(frozen=True)
class Events:
    """Whom a control channel tells what happens on it. None of these may wait: the channel must be read."""

    accept: Callable[[Accept], None]
    request: Callable[[IncomingRequest, ControlSocket], None]
    pointer: Callable[[RequestPointer], None]
    unusable: Callable[[RequestUnusable, ControlSocket], None]
    proven: Callable[[], None]  # the relay has answered a ping
    lost: Callable[[Sequence[str], str], None]  # ids of requests whose answers may not have arrived, reason


class ControlSocket:
    """An open control channel. ``place`` names it in the log. Not used again after ``serve``."""

    def __init__(
        self, socket: ClientConnection, channel: ControlChannel, credential: Credential, place: str, events: Events
    ) -> None:
        self._socket = socket
        self._channel = channel
        self._credential = credential
        self._place = place
        self._events = events
        self._unproven: collections.deque[str] = collections.deque(maxlen=MAX_UNPROVEN)
        self._held: list[bytes] = []  # frames of answers; not left in the library, which would write each by itself
        self._held_size = 0  # bytes of the answers in it
        self._loop = asyncio.get_running_loop()
        self._probe_due: asyncio.TimerHandle | None = None
        self._probe: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._renewal_failed = False

    # Answers

    async def send_response(self, request_id: str, text: str, body: bytes | None) -> bool:
        """Hand a response to the socket, header and body as one; wait while its buffer is full.

        False: the channel has ended and nothing of it was sent, so it may go another way. The watchdog is the deadline.
        """
        try:
            while self._socket.paused:
                await self._socket.drain()
        except OSError:
            return False
        return self.post_response(request_id, text, body)

    def post_response(self, request_id: str, text: str, body: bytes | None) -> bool:
        """The same without waiting: False as well when the buffer is full."""
        socket, protocol = self._socket, self._socket.protocol
        data = text.encode()
        # An aborted socket looks open for one more turn of the loop, and would swallow what is sent.
        if protocol.state is not State.OPEN or socket.transport.is_closing() or socket.paused:
            return False
        if not self._held:
            self._loop.call_soon(self._leave)
        protocol.send_text(data)
        self._held_size += len(data)
        if body is not None:
            protocol.send_binary(body)
            self._held_size += len(body)
        self._held += protocol.data_to_send()
        if self._held_size > MAX_HELD:
            self._leave()
        self._unproven.append(request_id)
        if self._probe_due is None and self._probe is None:
            self._probe_due = self._loop.call_later(PROOF_AFTER, self._start_probe)
        return True

    def _leave(self) -> None:
        """Write what is held. When the channel has ended in this very turn, it is lost, like what was written last."""
        frames, self._held, self._held_size = self._held, [], 0
        socket = self._socket
        if frames and socket.protocol.state is State.OPEN and not socket.transport.is_closing():
            socket.transport.write(b"".join(frames))

    def _start_probe(self) -> None:
        self._probe_due = None
        self._probe = asyncio.create_task(self._ask(), name="relay-control-proof")

    async def _ask(self) -> None:
        self._leave()  # an answer that is held must not be behind the ping that proves it
        asked = len(self._unproven)
        try:
            await (await self._socket.ping())
        except ConnectionClosed:
            return
        for _ in range(min(asked, len(self._unproven))):
            self._unproven.popleft()
        self._probe = None
        if self._unproven:
            self._probe_due = asyncio.get_running_loop().call_later(PROOF_AFTER, self._start_probe)

    # The life of the channel

    async def serve(self, leave: asyncio.Event) -> Closing:
        """Read and keep alive until the channel ends, or ``leave`` is set; how it ended."""
        reader = asyncio.create_task(self._read(), name="relay-control-read")
        keeper = asyncio.create_task(self._keep(), name="relay-control-keep")
        leaver = asyncio.create_task(leave.wait(), name="relay-control-leave")
        tasks = {reader, keeper, leaver}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                return reader.result()
            if leaver.done():
                return Closing("the listener was stopped", expected=True)
            abort(self._socket)  # the relay does not answer; a closing handshake would only wait for it again
            return keeper.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()

    def renew(self) -> None:
        """Send the credential's token now, not only when the one before is half through: its key has changed."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew(asyncio.Event()), name="relay-control-renew")

    async def _end(self) -> None:
        self._leave()  # before the close frame
        try:
            await close_quietly(self._socket, 1000, "")  # a clean close is always the listener's
        finally:
            if self._probe_due is not None:
                self._probe_due.cancel()
            for task in (self._probe, self._renewal):
                if task is not None:
                    task.cancel()
            # The relay answers our close frame when it has read everything before it.
            if self._unproven and not _closed_by_us(self._socket):
                self._events.lost(tuple(self._unproven), UNCONFIRMED)
            self._unproven.clear()

    async def _read(self) -> Closing:
        clock = asyncio.get_running_loop().time
        channel, events = self._channel, self._events
        warned = False
        while True:
            try:
                message = await self._socket.recv()
            except ConnectionClosed as error:
                close = error.rcvd or error.sent
                return channel.closed(close.code if close else None, close.reason if close else "")
            try:
                command = (
                    channel.receive_text(message, clock())
                    if isinstance(message, str)
                    else channel.receive_binary(message, clock())
                )
                if isinstance(command, IncomingRequest):
                    events.request(command, self)
                elif isinstance(command, Accept):
                    events.accept(command)
                elif command is not None:
                    events.pointer(command)
            except ProtocolViolation as error:
                if isinstance(error, RequestUnusable):
                    events.unusable(error, self)
                # One bad message must not cost the channel: parts of it were chosen by a sender.
                logger.log(logging.DEBUG if warned else logging.WARNING, "%s: ignored: %s", self._place, error)
                warned = True

    async def _keep(self) -> Closing:
        loop = asyncio.get_running_loop()
        socket, channel = self._socket, self._channel
        changed = asyncio.Event()  # a pong or a renewal has moved what is due next

        def pong(waiter: asyncio.Future[float]) -> None:
            if not waiter.cancelled() and waiter.exception() is None:
                channel.pong_received(loop.time())
                self._events.proven()
                changed.set()

        while True:
            for duty in channel.time_passed(loop.time()):
                if isinstance(duty, Lost):
                    return Closing(duty.reason, expected=False)
                if isinstance(duty, RenewToken):
                    # In a task of its own: a token that has to be fetched must not hold up the pings.
                    self._renewal = asyncio.create_task(self._renew(changed), name="relay-control-renew")
                    continue
                with contextlib.suppress(TimeoutError, ConnectionClosed):
                    async with asyncio.timeout(channel.pong_deadline):
                        waiter = await socket.ping()
                        asyncio.ensure_future(waiter).add_done_callback(pong)
            due = channel.next_due()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await changed.wait()
            changed.clear()
            if loop.time() > due + _LATE:
                await asyncio.sleep(0.1)  # this process was frozen, not the relay: read its answers first

    async def _renew(self, changed: asyncio.Event) -> None:
        loop, channel = asyncio.get_running_loop(), self._channel
        try:
            token = await current_token(self._credential)
            async with asyncio.timeout(channel.pong_deadline):
                await self._socket.send(format_renew_token(token))
        except (TimeoutError, ConnectionClosed, RelayError) as error:
            if isinstance(error, RelayError) and not self._renewal_failed:
                logger.warning("%s: no new token could be had, it is tried again: %s", self._place, error)
            self._renewal_failed = True  # said once: the next try is seconds away
            channel.renewal_failed(loop.time())
        else:
            self._renewal_failed = False
            channel.token_sent(loop.time(), self._credential.renew_in())
            logger.debug("%s: token renewed", self._place)
        changed.set()


def _closed_by_us(socket: ClientConnection) -> bool:
    """The closing handshake was complete, and we had begun it."""
    protocol = socket.protocol
    return protocol.close_rcvd is not None and protocol.close_rcvd_then_sent is False
