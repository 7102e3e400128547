"""Two sockets joined: what a sender writes its listener reads, and the other way round.

There is no task and no queue here. A piece that arrives at one end is written to the other at once; when the other
end's buffer is full, this end is not read until there is room again. So a slow reader stops its peer, and memory stays
flat.
Pings are answered here, as the service does: they say that the relay is alive, not the other end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.frames import CloseCode, FrameReader, Opcode, close_payload, frame
from relay_bridge.emulator.operations import Traffic
from relay_bridge.emulator.recorder import StreamRecord

logger = logging.getLogger(__name__)

CLOSE_DEADLINE: Final = 2.0  # seconds an end has to answer a close frame of the relay's own
ERROR_LINGER: Final = 0.5  # seconds between the close frame for a broken protocol and the end of TCP
HALF_CLOSE_DEADLINE: Final = 60.0  # seconds one direction may stay open after the other was closed

Role = Literal["sender", "listener"]
Tamper = Callable[[bytes], bytes]


class Pump:
    """A sender's socket and a listener's, from the accepted handshake to the last close.

    ``tampers`` is shared with the fault switches: each is applied to one piece and forgotten. ``traffic`` counts what
    is carried, ``finished`` is called once, when both sockets are gone.
    """

    def __init__(
        self,
        path_key: str,
        tracking_id: str,
        sender: Connection,
        listener: Connection,
        *,
        finished: Callable[[Pump], None],
        tampers: list[Tamper],
        traffic: Traffic,
        record: StreamRecord | None = None,
    ) -> None:
        self.path_key = path_key
        self.tracking_id = tracking_id
        self.sender = PumpEnd(self, "sender", sender, tampers, record.to_listener if record else None)
        self.listener = PumpEnd(self, "listener", listener, tampers, record.to_sender if record else None)
        self.sender.peer, self.listener.peer = self.listener, self.sender
        self._traffic = traffic
        self._finished = finished
        self._record = record
        self._deadline: asyncio.TimerHandle | None = None

    def join(self, sender_head: bytes, listener_head: bytes) -> bool:
        """Answer both handshakes and start carrying; False, with nothing written, when either side has gone already."""
        if not (self.sender.connection.is_open and self.listener.connection.is_open):
            return False
        # Both answers first: a byte of one side must not reach the other before its handshake is answered.
        self.listener.connection.take_over(self.listener, listener_head)
        self.sender.connection.take_over(self.sender, sender_head)
        self.listener.connection.deliver_early()
        self.sender.connection.deliver_early()
        return True

    def close(self, code: CloseCode, reason: str) -> None:
        """Close both sides on the relay's own account, and cut them off when they do not answer in time."""
        payload = close_payload(code, reason)
        self.sender.send_close(payload)
        self.listener.send_close(payload)
        self.cut_off_after(CLOSE_DEADLINE)

    def count(self, role: Role, size: int) -> None:
        """``size`` bytes of payload came from ``role``."""
        if role == "sender":
            self._traffic.to_listener += size
        else:
            self._traffic.to_sender += size

    def abort(self) -> None:
        """Both TCP connections end now."""
        self.sender.connection.abort()
        self.listener.connection.abort()

    def cut_off_after(self, seconds: float) -> None:
        """Abort what is still open then. The earliest of several deadlines holds."""
        when = asyncio.get_running_loop().time() + seconds
        if self._deadline is not None:
            if self._deadline.when() <= when:
                return
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_at(when, self.abort)

    def end_lost(self) -> None:
        """An end's TCP connection is gone."""
        if not (self.sender.lost and self.listener.lost):
            return
        if self._deadline is not None:
            self._deadline.cancel()
        if self._record is not None:
            self._record.close()
        self._finished(self)


class PumpEnd:
    """One side of a pump: reads its own socket's frames and writes them to the other side's."""

    __slots__ = (
        "_late_pong", "_peer_record", "_reader", "_tampers",
        "close_received", "close_sent", "closed", "connection", "lost", "peer", "pump", "role",
    )  # fmt: skip

    peer: PumpEnd

    def __init__(
        self,
        pump: Pump,
        role: Role,
        connection: Connection,
        tampers: list[Tamper],
        record: Callable[[bytes], None] | None,
    ) -> None:
        self.pump = pump
        self.role = role
        self.connection = connection
        self.close_received = False  # this side said that it will send no more
        self.close_sent = False  # this side was told so by the other, or by the relay
        self.lost = False
        self.closed = asyncio.Event()  # set with ``lost``, for the request handler that waits
        self._reader = FrameReader()
        self._tampers = tampers
        self._peer_record = record
        self._late_pong: bytes | None = None

    def data_received(self, data: bytes) -> None:
        """Carry what came to the other side."""
        peer = self.peer
        out: list[bytes] = []
        close: bytes | None = None
        carried = 0
        for opcode, fin, payload in self._reader.feed(data):
            if opcode < Opcode.CLOSE:
                if peer.close_sent:
                    continue  # the other side was told that nothing more comes
                if self._tampers and payload:
                    payload = self._tampers.pop(0)(payload)  # noqa: PLW2901
                if self._peer_record is not None:
                    self._peer_record(payload)
                carried += len(payload)
                out.append(frame(opcode, payload, fin=fin))
            elif opcode == Opcode.PING:
                self._answer_ping(payload)
            elif opcode == Opcode.CLOSE:
                close = payload
                break
        if carried:
            self.pump.count(self.role, carried)
        if out and not peer.connection.write(out[0] if len(out) == 1 else b"".join(out)):
            self.connection.hold()
        if close is not None:
            self._take_close(close)
        elif self._reader.error is not None:
            self._fail(self._reader.error.code, str(self._reader.error))

    def writing_resumed(self) -> None:
        """This side has room again."""
        if self._late_pong is not None:
            pong, self._late_pong = self._late_pong, None
            self.connection.write(frame(Opcode.PONG, pong))
        self.peer.connection.release()

    def connection_lost(self) -> None:
        """This side's TCP connection is gone, with or without a close frame before."""
        self.lost = True
        self.closed.set()
        peer = self.peer
        peer.connection.release()
        if not peer.lost:
            if not peer.close_sent:
                # Relay protocol, section 5: 1001 tells a listener that its sender is gone.
                code = CloseCode.GOING_AWAY if self.role == "sender" else CloseCode.INTERNAL_ERROR
                peer.send_close(close_payload(code, f"The {self.role}'s connection was lost"))
            self.pump.cut_off_after(CLOSE_DEADLINE)
        self.pump.end_lost()

    def send_close(self, payload: bytes) -> None:
        """Tell this side that nothing more comes; the second time nothing happens."""
        if self.close_sent or self.lost:
            return
        self.close_sent = True
        self.connection.write(frame(Opcode.CLOSE, payload))
        # It may be held because its peer does not read; it must be read now, for its own close frame.
        self.connection.release()
        self._close_when_done()

    def _take_close(self, payload: bytes) -> None:
        if len(payload) == 1:
            self._fail(CloseCode.PROTOCOL_ERROR, "a close frame of one byte")
            return
        if self.close_received:
            return
        self.close_received = True
        # Forwarded with code and reason, one direction at a time: the other side may go on sending.
        self.peer.send_close(payload)
        self.pump.cut_off_after(HALF_CLOSE_DEADLINE)
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self.close_received and self.close_sent:
            self.connection.close_soon()

    def _fail(self, code: CloseCode, reason: str) -> None:
        if self.close_sent:
            return
        logger.warning("Stream %s: the %s broke the protocol: %s.", self.pump.tracking_id, self.role, reason)
        self.send_close(close_payload(code, reason))
        self.peer.send_close(close_payload(CloseCode.INTERNAL_ERROR, f"The {self.role} broke the protocol"))
        # Its answer cannot be read any more; but closing at once, while it still sends, could destroy the close frame.
        asyncio.get_running_loop().call_later(ERROR_LINGER, self.connection.close_soon)
        self.pump.cut_off_after(CLOSE_DEADLINE)

    def _answer_ping(self, payload: bytes) -> None:
        # A peer that sends pings but reads nothing must not fill memory: only the latest is kept (RFC 6455, 5.5.3).
        if self.connection.writing_paused:
            self._late_pong = payload
        elif not self.close_sent:
            self.connection.write(frame(Opcode.PONG, payload))
