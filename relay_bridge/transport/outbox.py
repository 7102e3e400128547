"""What was sent on a sealed session and has not left: it leaves at the end of the turn, all of it together.

A relay works for every message, hardly for its bytes. So the frames that are put here in one turn of the event loop
become one write to TLS and one WebSocket message. Nothing is held back for company: the turn's end is the latest.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from relay_bridge.secure_channel.errors import SecureChannelError
from relay_bridge.secure_channel.framing import MAX_FRAME, encoded_size
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport.streams import RelayStream, StreamClosed

# Bytes that leave as one message: the largest frame of all, or as many small ones as fit in its place. With what TLS
# adds it stays far below the stream's own limit.
MAX_BATCH: Final = encoded_size(MAX_FRAME)
MAX_WAITING: Final = 2 * MAX_BATCH  # bytes; with more, senders wait

Broken = Callable[[TimeoutError | SecureChannelError | StreamClosed], None]


class Outbox:
    """``deadline``: seconds for one message to be taken by the stream. ``broken``: called when it was not."""

    def __init__(self, stream: RelayStream, tls: InnerTls, deadline: float, broken: Broken) -> None:
        self.deadline = deadline
        self.waiting = 0  # bytes
        self._stream = stream
        self._tls = tls
        self._broken = broken
        self._frames: deque[bytes] = deque()
        self._leaving = False  # somebody will send them: _leave at the end of this turn, or the task
        self._pushing: asyncio.Task[None] | None = None  # only while the other side does not keep up
        self._turn = asyncio.Lock()  # senders that wait for room, first come first served
        self._room = asyncio.Event()  # looked at by the first of them
        self._shut = False

    def put(self, frame: bytes) -> bool:
        """False, with nothing put, when senders have to wait."""
        if self.waiting + len(frame) > MAX_WAITING or self._turn.locked():
            return False
        self._put(frame)
        return True

    async def put_when_possible(self, frame: bytes) -> None:
        """Put it when its turn has come and there is room; nothing when it is shut by then. The caller has a deadline.

        Cancelled, it has put nothing.
        """
        async with self._turn:
            while not self._shut and self.waiting + len(frame) > MAX_WAITING:
                self._room.clear()
                await self._room.wait()
            if not self._shut:
                self._put(frame)

    def _put(self, frame: bytes) -> None:
        self._frames.append(frame)
        self.waiting += len(frame)
        if not self._leaving:
            self.leave_soon()

    def leave_soon(self) -> None:
        """Send what is there, and what TLS itself has to say, when this turn of the loop is over."""
        if not self._leaving:
            self._leaving = True
            asyncio.get_running_loop().call_soon(self._leave)

    async def push(self) -> None:
        """Send everything now. Raises ``TimeoutError``, ``SecureChannelError``, ``StreamClosed``."""
        if self._pushing is not None and self._pushing is not asyncio.current_task():
            await asyncio.wait([self._pushing])
        # Sealing and handing over are never apart: TLS counts its records, so they must leave in order.
        while self._has_to_leave:
            async with asyncio.timeout(self.deadline):
                await self._stream.send(self._seal())

    def shut(self) -> None:
        """Nothing more will be put: senders that wait for room shall look what happened."""
        self._shut = True
        self._room.set()

    def forget(self) -> None:
        """Shut it, and throw away what is in it: the session is over."""
        self._frames.clear()
        self.waiting = 0
        self._tls.data_to_send()
        self.shut()

    @property
    def _has_to_leave(self) -> bool:
        return bool(self._frames) or self._tls.has_data_to_send

    def _leave(self) -> None:
        """Send all that waits, if that needs no waiting; else start the task that does."""
        try:
            while self._has_to_leave and self._stream.is_clear:
                self._stream.send_now(self._seal())
        except (SecureChannelError, StreamClosed) as error:
            self._broken(error)
        if self._has_to_leave:
            self._pushing = asyncio.create_task(self._push_out(), name=f"pushing {self._stream.remote_id}")
        else:
            self._leaving = False

    async def _push_out(self) -> None:
        try:
            await self.push()
        except (TimeoutError, SecureChannelError, StreamClosed) as error:
            self._broken(error)
        finally:
            self._leaving = False
            self._pushing = None

    def _seal(self) -> bytes:
        if self._frames:
            self._tls.send_application(self._next_batch())
        return self._tls.data_to_send()

    def _next_batch(self) -> bytes:
        frames = self._frames
        if self.waiting <= MAX_BATCH:
            batch = frames[0] if len(frames) == 1 else b"".join(frames)
            frames.clear()
        else:
            taken = [frames.popleft()]
            size = len(taken[0])
            while frames and size + len(frames[0]) <= MAX_BATCH:
                size += len(frames[0])
                taken.append(frames.popleft())
            batch = b"".join(taken)
        self.waiting -= len(batch)
        self._room.set()
        return batch
