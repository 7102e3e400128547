"""One sealed session: hello first, then requests in flight and a live stream, until either side ends it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from typing import Any, Protocol

from relay_bridge.agent.handles import Handles
from relay_bridge.agent.methods import Methods, answer_hello
from relay_bridge.agent.site import Site
from relay_bridge.agent.stream import LiveStream
from relay_bridge.contract.codec import decode_parameters, decode_request, encode_refusal, encode_result
from relay_bridge.contract.errors import MalformedMessage, RequestRefused
from relay_bridge.contract.messages import Credit, Request
from relay_bridge.protocol.errors import RelayError

HELLO_DEADLINE = 5.0  # seconds from the sealed session to its hello
IDLE_DEADLINE = 600.0  # seconds without a word from the web app; a watched stream speaks every 30 s at least
REQUEST_DEADLINE = 5.0  # seconds that one request may take here
REQUEST_DEADLINES = {"hist": 16.0}  # seconds, where a source needs longer
MAX_IN_FLIGHT = 32  # requests of one session
MAX_BEHIND = 8  # pieces of work beside the answers
CLOSE_DEADLINE = 0.5  # seconds to say goodbye
logger = logging.getLogger(__name__)


class MessageChannel(Protocol):
    """A sealed session as the transport gives it: whole messages, in order, from a known peer."""

    @property
    def peer_thumbprint(self) -> str: ...

    async def send(self, message: bytes) -> None:
        """Send one message within the channel's own deadline; raises ``RelayError``."""

    async def receive(self) -> bytes:
        """The next message; raises ``RelayError`` when the session is over."""

    async def close(self) -> None: ...


class SessionEnded(Exception):  # noqa: N818 - the ordinary end of every session
    """Why a session ended, in words for the log."""


class Session:
    """Serves one peer. ``run`` returns the reason of the end in words; it raises only when cancelled."""

    def __init__(self, channel: MessageChannel, site: Site) -> None:
        self.name = secrets.token_hex(4)  # for the log and for the replay memory; says nothing to anybody else
        self._channel = channel
        self._site = site
        self._turn = asyncio.Lock()
        handles = Handles(site.admission, site.clock, site.lease)
        self._stream = LiveStream(
            channel.send,
            self._turn,
            subscriptions=site.subscriptions,
            handles=handles,
            clock=site.clock,
            heartbeat=site.heartbeat,
            lease_ended=self._note_lease_end,
            alarms=site.alarms.feed(),
        )
        self._methods = Methods(
            site, handles, self._stream, session=self.name, peer_thumbprint=channel.peer_thumbprint, later=self._later
        )
        self._budget = RequestBudget(site.requests_per_second, site.clock.monotonic())
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._behind: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def stop(self, why: str) -> None:
        """Ask the session to end: the peer gets a ``bye`` with ``why``."""
        if not self._stop.done():
            self._stop.set_result(why)

    async def run(self) -> str:
        """Serve until the peer leaves, breaks a rule, or ``stop`` is called."""
        try:
            await self._greet()
        except (SessionEnded, RelayError) as error:
            await self._close()
            return str(error)
        self._site.subscriptions.join(self._stream)
        self._site.switch.join(self._stream)
        receiving = asyncio.create_task(self._receive_all())
        sending = asyncio.create_task(self._stream.run())
        work: set[asyncio.Future[object]] = {receiving, sending, self._stop}  # type: ignore[arg-type]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._site.subscriptions.leave(self._stream)
            self._stream.hide_alarms()
            self._site.switch.leave(self._stream)
            tasks = [receiving, sending, *self._in_flight.values(), *self._behind]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if self._stop in done:
                await self._say_bye(self._stop.result())
                return f"ended by this side: {self._stop.result()}"
            return self._why(receiving if receiving in done else sending)
        finally:
            await self._close()

    def _why(self, task: asyncio.Task[None]) -> str:
        error = task.exception()
        if isinstance(error, SessionEnded | RelayError):
            return str(error)
        logger.error("session %s broke", self.name, exc_info=error)
        return "an error of this agent"

    async def _say_bye(self, why: str) -> None:
        try:
            await self._stream.say_bye(why)
        except RelayError:
            logger.debug("session %s: the peer left before the bye", self.name)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_DEADLINE):
                await self._channel.close()
        except (RelayError, TimeoutError):
            logger.debug("session %s: closed without a proper goodbye", self.name)

    # --- receiving ------------------------------------------------------------------------------------------------

    async def _greet(self) -> None:
        request = await self._receive(HELLO_DEADLINE, "no hello in time")
        if not isinstance(request, Request) or request.m != "hello":
            raise SessionEnded("the first message was no hello")
        try:
            hello = answer_hello(self._site, decode_parameters(request))
            answer = encode_result(request.i, hello)
        except RequestRefused as refusal:
            await self._send(encode_refusal(request.i, refusal))
            raise SessionEnded(f"hello refused: {refusal.message}") from None
        await self._send(answer)
        self._stream.mode_changed(hello.mode, told=True)
        self._stream.states_told(hello.sources)

    async def _receive_all(self) -> None:
        while True:
            message = await self._receive(IDLE_DEADLINE, "silent for too long")
            if isinstance(message, Credit):
                self._stream.acknowledge(message.ok)
                continue
            refusal = self._refuse_at_once(message)
            if refusal is not None:
                await self._send(encode_refusal(message.i, refusal))
                continue
            self._in_flight[message.i] = asyncio.create_task(self._answer(message))

    async def _receive(self, deadline: float, otherwise: str) -> Request | Credit:
        try:
            async with asyncio.timeout(deadline):
                data = await self._channel.receive()
        except TimeoutError:
            raise SessionEnded(otherwise) from None
        try:
            return decode_request(data)
        except MalformedMessage:
            # The text may quote what was sent, so it stays out of the log.
            raise SessionEnded("the peer sent what is no message of the process API") from None

    def _refuse_at_once(self, request: Request) -> RequestRefused | None:
        if request.i in self._in_flight:
            return RequestRefused("bad_request", "A request with this number is still being answered.")
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            return RequestRefused("busy", f"{MAX_IN_FLIGHT} requests of this session are being answered already.")
        if not self._budget.spend(self._site.clock.monotonic()):
            return RequestRefused("rate", "This session asks more often than the site allows.")
        return None

    # --- answering ------------------------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> None:
        deadline = REQUEST_DEADLINES.get(request.m, REQUEST_DEADLINE)
        try:
            async with asyncio.timeout(deadline):
                data = encode_result(request.i, await self._methods.call(request))
        except RequestRefused as refusal:
            data = encode_refusal(request.i, refusal)
        except TimeoutError:
            data = encode_refusal(request.i, RequestRefused("busy", f"No answer within {deadline:.0f} s."))
        except MalformedMessage:
            data = encode_refusal(request.i, RequestRefused("too_large", "The answer is too large: ask for less."))
        except Exception:
            incident = secrets.token_hex(4)
            logger.exception("session %s: request failed, incident %s", self.name, incident)
            data = encode_refusal(request.i, RequestRefused("internal", f"Internal error, incident {incident}."))
        try:
            await self._send(data)
        except RelayError as error:
            # The receiving side of the same channel notices too and ends the session.
            logger.debug("session %s: answer not delivered: %s", self.name, error)
        finally:
            self._in_flight.pop(request.i, None)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside the answers; it ends with the session. What is too much is left out."""
        if len(self._behind) >= MAX_BEHIND:
            work.close()
            return
        task = asyncio.create_task(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    def _note_lease_end(self) -> None:
        self._site.journal.record("agent:lease:ended", result="done", session=self.name)

    async def _send(self, data: bytes) -> None:
        async with self._turn:
            await self._channel.send(data)


class RequestBudget:
    """A token bucket: ``rate`` requests a second, twice that in a burst."""

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = 2.0 * rate
        self._at = now

    def spend(self, now: float) -> bool:
        """Take one request out of the budget at ``now`` (monotonic s); False when there is none left."""
        self._left = min(2.0 * self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
