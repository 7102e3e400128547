"""From what a handler answered to what goes on the wire: the head, and a body that is small, large or endless.

bytes up to 64 KiB                          over the control channel
more bytes                                  over a rendezvous, in fragments
a stream that ends within 0.2 s and 64 KiB  over the control channel, as if it had been bytes
any other stream                            over a rendezvous, each piece as it comes
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from relay_bridge.protocol.commands import Response, format_response
from relay_bridge.protocol.http_rules import body_allowed, check_status, clean_response_headers, goes_by_rendezvous
from relay_bridge.transport.http_messages import HttpResponse

logger = logging.getLogger(__name__)

# Seconds from the handler's return until an unfinished body is streamed. The service's own .NET client waits 2 s and
# the Node one for 64 KiB or the end, so that the events of a server-sent stream sit there.
STREAM_AFTER: Final = 0.2
_SURE_TO_FIT: Final = 8_192  # characters of headers that cannot make a head too long, however they are escaped
_BYTES: Final = (bytes, bytearray, memoryview)
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"),)


@dataclass(slots=True)
class Answer:
    """What goes on the wire. ``body``: None when there is none; a ``Streamed`` needs a rendezvous."""

    head: Response
    body: bytes | Streamed | None

    @property
    def needs_rendezvous(self) -> bool:
        return isinstance(self.body, Streamed) or (self.body is not None and goes_by_rendezvous(len(self.body)))

    async def discard(self) -> None:
        """It will not be sent: end the handler's generator."""
        if isinstance(self.body, Streamed):
            await self.body.aclose()


def plain(status: int, sentence: str) -> HttpResponse:
    """A short answer of the listener's own."""
    headers = (*_TEXT, ("Retry-After", "1")) if status == 503 else _TEXT
    return HttpResponse(status, headers, f"{sentence}\n".encode())


def whole_answer(request_id: str, method: str, response: HttpResponse) -> Answer:
    """The answer for a body of bytes. Raises ``HttpMessageError``, ``TypeError`` for what cannot be sent."""
    body = response.body
    if not isinstance(body, _BYTES):
        raise TypeError(f"the body of a response is bytes or an async iterable of bytes, not {type(body).__name__}")
    carried = bytes(body) if body and body_allowed(method, response.status) else None
    return Answer(_head(request_id, response, has_body=carried is not None), carried)


async def prepare_answer(request_id: str, method: str, response: HttpResponse) -> Answer:
    """The answer, once it is known which way it goes: at most ``STREAM_AFTER`` seconds later, for a streamed body.

    Raises ``HttpMessageError``, ``TypeError``, or what the body raised; then nothing has been sent.
    """
    if isinstance(response.body, bytes) or not hasattr(response.body, "__aiter__"):
        return whole_answer(request_id, method, response)
    body = Streamed(aiter(response.body))
    try:
        allowed = body_allowed(method, response.status)
        # The head first: what is wrong with it must not be found when half of the body has been made.
        head = _head(request_id, response, has_body=allowed)
        if not allowed:
            await body.aclose()
            return Answer(head, None)
        return Answer(head, body) if await body.is_long() else Answer(head, b"".join(body.begun))
    except BaseException:
        await body.aclose()
        raise


class Streamed:
    """A body that a handler makes piece by piece. ``begun`` is what it made before it was known to be long."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self.begun: list[bytes] = []
        self._chunks = chunks
        self._step: asyncio.Future[bytes | None] | None = None  # a chunk that was being waited for

    async def is_long(self) -> bool:
        """Read what comes at once. False: that was all of it, and it is small; it stands in ``begun``."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STREAM_AFTER
        size = 0
        while True:
            self._step = asyncio.ensure_future(_next(self._chunks))
            done, _ = await asyncio.wait({self._step}, timeout=max(0.0, deadline - loop.time()))
            if not done:
                return True
            chunk = self._step.result()
            self._step = None
            if chunk is None:
                return False
            self.begun.append(chunk)
            size += len(chunk)
            if goes_by_rendezvous(size):
                return True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        begun, self.begun = self.begun, []
        for chunk in begun:
            yield chunk
        while True:
            step, self._step = self._step, None
            following = await (step if step is not None else _next(self._chunks))
            if following is None:
                return
            yield following

    async def aclose(self) -> None:
        """End the handler's generator now, so that its ``finally`` runs now. Raises nothing of its own making."""
        step, self._step = self._step, None
        if step is not None:
            step.cancel()
            await asyncio.gather(step, return_exceptions=True)
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            try:
                await close()
            except Exception:
                logger.exception("the body of a response failed while it was ended")


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next piece, or None at the end. Empty ones are left out: as a fragment they would mean nothing."""
    async for chunk in chunks:
        if not isinstance(chunk, _BYTES):
            raise TypeError(f"a body is made of bytes, not of {type(chunk).__name__}")
        if chunk:
            return bytes(chunk)
    return None


def _head(request_id: str, response: HttpResponse, *, has_body: bool) -> Response:
    headers = clean_response_headers(response.headers)
    head = Response(request_id, check_status(response.status), response.reason, headers, has_body)
    if sum(map(len, headers.values())) > _SURE_TO_FIT:
        format_response(head)  # raises while the sender can still be told
    return head
