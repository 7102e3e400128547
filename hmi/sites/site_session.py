"""One sealed session to one site's agent: hello, then many calls in flight, and pushes as they come.

    session = await SiteSession.open(info, deadline=5.0, on_push=link.receive)
    answer = await session.authenticate(token)
    reading = await session.call("read", Read(tags=[...]), ReadAnswer, handle=answer.a, deadline=2.0)

Whatever goes wrong ends the session loudly: every waiting call fails with the reason, and ``closed_reason`` keeps it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from hmi.sites.conduit_info import ConduitInfo
from hmi.sites.errors import SiteRefused, SiteUnreachable
from hmi.sites.issuer_keys import AgentKeys
from hmi.sites.reasons import reason_for
from relay_bridge.contract import codec
from relay_bridge.contract.errors import MalformedMessage, RequestRefused
from relay_bridge.contract.messages import (
    MAX_HANDLES_DROPPED,
    VERSION,
    Answer,
    Auth,
    AuthAnswer,
    Credit,
    Drop,
    Empty,
    Hello,
    HelloAnswer,
    Keys,
    KeysAnswer,
    Push,
)
from relay_bridge.protocol.errors import RelayError
from relay_bridge.secure_channel.errors import SecureChannelError
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport.sender import RelaySender
from relay_bridge.transport.sessions import HandshakeFailed, SecureSession

logger = logging.getLogger(__name__)

OPEN_DEADLINE = 5.0  # seconds: dial, both handshakes and hello
CALL_DEADLINE = 2.0  # seconds; an operator waits for the answer
MAX_IN_FLIGHT = 28  # calls at the agent, which takes 32; the others wait here for their turn and their deadline
MAX_PENDING = 256  # calls in flight or waiting; more means that the site does not keep up
SEAL_DEADLINE = 2.0  # seconds for one inner handshake: two round trips through the relay
SEAL_ATTEMPTS = 16  # with half of all listeners foreign, one opening in 65 000 fails; OPEN_DEADLINE bounds all
MAX_CLOSE_REASON = 60  # characters; a WebSocket close frame has room for 123 bytes

_T = TypeVar("_T", bound=msgspec.Struct)
PushReceiver = Callable[[Push], None]


class SiteSession:
    """Made by ``open``. ``hello`` is the agent's first answer; ``on_push`` is called in the loop and must not block."""

    def __init__(self, info: ConduitInfo, session: SecureSession, on_push: PushReceiver | None) -> None:
        self.info = info
        self.hello: HelloAnswer
        self.closed_reason = ""
        self._session = session
        self._on_push = on_push
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._last_id = 0
        self._agent_keys: AgentKeys | None = None
        self._turns = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._waiting = 0
        self._closed = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._reader = asyncio.create_task(self._read(), name=f"session {info.slug}")

    @classmethod
    async def open(
        cls,
        info: ConduitInfo,
        deadline: float = OPEN_DEADLINE,
        *,
        on_push: PushReceiver | None = None,
        hello: Hello | None = None,
    ) -> SiteSession:
        """Dial through the relay, prove both ends, say hello; all within ``deadline`` seconds.

        ``hello`` may carry where an earlier stream ended (epoch, n). Raises ``SiteUnreachable``.
        """
        begun = time.monotonic()
        session: SiteSession | None = None
        try:
            async with asyncio.timeout(deadline):
                sealed = await _seal(info, deadline)
                session = cls(info, sealed, on_push)
                session.hello = await session.call("hello", hello or Hello(v=VERSION), HelloAnswer, deadline=deadline)
        except TimeoutError:
            reason = "no answer"
        except (RelayError, SecureChannelError) as error:
            logger.info("Session to %s not opened: %s.", info.slug, error)
            reason = reason_for(error)
        except SiteUnreachable as error:
            reason = error.reason
        except SiteRefused as error:
            reason = f"the agent refused the session: {error.message}"
        except BaseException:
            if session is not None:
                await session.close("given up while opening")
            raise
        else:
            return session
        if session is not None:
            await session.close(reason)
        raise SiteUnreachable(info.name, reason, time.monotonic() - begun)

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def thumbprint(self) -> str:
        """``x5t#S256`` of the agent's certificate."""
        return self._session.peer_thumbprint

    async def wait_closed(self) -> str:
        """Wait until the session ended, whoever ended it; answers why."""
        await self._closed.wait()
        return self.closed_reason

    async def call(
        self,
        method: str,
        parameters: msgspec.Struct,
        result: type[_T],
        *,
        handle: int | None = None,
        deadline: float = CALL_DEADLINE,
    ) -> _T:
        """One request and its answer within ``deadline`` seconds; ``SiteRefused`` or ``SiteUnreachable``.

        A late answer is dropped: the caller was already told that there is none.
        """
        begun = time.monotonic()
        if self._waiting >= MAX_PENDING:
            raise SiteRefused("busy", f"{self.info.name} has {MAX_PENDING} requests waiting.", retryable=True)
        self._waiting += 1
        try:
            async with asyncio.timeout(deadline), self._turns:
                return codec.decode_result(await self._ask(method, parameters, handle), result)
        except TimeoutError:
            reason = f"the agent did not answer {method!r}"
        except RequestRefused as refusal:
            raise SiteRefused(refusal.code, refusal.message, retryable=refusal.retryable) from refusal
        except MalformedMessage as error:
            reason = f"the agent's answer to {method!r} makes no sense: {error}"
            self._fail(reason)
        except SiteUnreachable as error:
            reason = error.reason
        finally:
            self._waiting -= 1
        raise SiteUnreachable(self.info.name, reason, time.monotonic() - begun)

    async def _ask(self, method: str, parameters: msgspec.Struct, handle: int | None) -> Answer:
        if self.closed:
            raise self._unreachable()
        self._last_id += 1
        number = self._last_id
        waiter = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            await self._send(codec.encode_request(number, method, parameters, handle))
            return await waiter
        finally:
            self._pending.pop(number, None)
            if waiter.done() and not waiter.cancelled():
                waiter.exception()  # looked at here, so that an abandoned call leaves no warning

    async def authenticate(
        self, token: str, *, renew: int | None = None, deadline: float = CALL_DEADLINE
    ) -> AuthAnswer:
        """Present a site token; the answer has the handle for calls. ``renew``: keep this older handle."""
        await self.bring_keys(deadline=deadline)
        return await self.call("auth", Auth(token=token, a=renew), AuthAnswer, deadline=deadline)

    async def drop(self, handles: Sequence[int], *, deadline: float = CALL_DEADLINE) -> None:
        """The access behind these handles ended: the agent forgets them. ``SiteRefused``, ``SiteUnreachable``."""
        for start in range(0, len(handles), MAX_HANDLES_DROPPED):
            chunk = list(handles[start : start + MAX_HANDLES_DROPPED])
            await self.call("drop", Drop(a=chunk), Empty, deadline=deadline)

    async def bring_keys(self, *, deadline: float = CALL_DEADLINE) -> AgentKeys:
        """See to it that the agent knows the key that signs now; answers what it knows."""
        if self._agent_keys is None:
            self._agent_keys = AgentKeys(self.info.name, self.hello.keys)

        async def ask(keys: Keys) -> KeysAnswer:
            return await self.call("keys", keys, KeysAnswer, deadline=deadline)

        await self._agent_keys.bring_up_to_date(ask)
        return self._agent_keys

    async def acknowledge(self, number: int) -> None:
        """Give credit for every data push up to ``number``; ``SiteUnreachable`` when the session is gone."""
        if self.closed:
            raise self._unreachable()
        await self._send(codec.encode(Credit(ok=number)))

    async def close(self, reason: str = "closed by this side") -> None:
        """End the session; every waiting call fails with ``reason``. Closing twice changes nothing."""
        self._fail(reason)
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _send(self, message: bytes) -> None:
        try:
            await self._session.send(message)
        except (RelayError, SecureChannelError) as error:
            self._fail(reason_for(error), str(error))
            raise self._unreachable() from error

    async def _read(self) -> None:
        try:
            while True:
                message = codec.decode_from_agent(await self._session.receive())
                if isinstance(message, Answer):
                    self._answer(message)
                elif self._on_push is not None:
                    self._on_push(message)
        except (RelayError, SecureChannelError) as error:
            self._fail(reason_for(error), str(error))
        except MalformedMessage as error:
            self._fail(f"the agent sent what is no message: {error}")
        except Exception:
            logger.exception("The session to %s ended on a fault of ours.", self.info.slug)
            self._fail("a fault in the web app")

    def _answer(self, answer: Answer) -> None:
        if answer.i > self._last_id:
            raise MalformedMessage(f"an answer to request {answer.i}, which was never made")
        waiter = self._pending.get(answer.i)
        if waiter is not None and not waiter.done():
            waiter.set_result(answer)

    def _fail(self, reason: str, detail: str = "") -> None:
        """``reason`` is for people, ``detail`` for the log alone."""
        if self.closed:
            return
        self.closed_reason = reason
        self._closed.set()
        logger.info("Session to %s ended: %s.", self.info.slug, detail or reason)
        for waiter in self._pending.values():
            if not waiter.done():
                waiter.set_exception(SiteUnreachable(self.info.name, reason, 0.0))
        self._ending = asyncio.create_task(self._end(), name=f"end of session {self.info.slug}")

    async def _end(self) -> None:
        """Nobody reads any more: let the agent know at once instead of by silence."""
        self._reader.cancel()
        await asyncio.wait({self._reader})
        await self._session.close(self.closed_reason[:MAX_CLOSE_REASON])

    def _unreachable(self) -> SiteUnreachable:
        return SiteUnreachable(self.info.name, self.closed_reason, 0.0)


async def _seal(info: ConduitInfo, deadline: float) -> SecureSession:
    """A relayed stream with TLS inside it.

    The relay hands each stream to any of up to 25 listeners. One that is not the pinned agent learns nothing, but it
    may have a valid Listen key: say so loudly, and try another stream (threat T02).
    """
    sender = RelaySender(info.connection)
    for attempt in range(1, SEAL_ATTEMPTS + 1):
        tls = InnerTls("client", info.own_cert, info.own_key, info.agent_pin)
        stream = await sender.connect(deadline)
        try:
            return await SecureSession.connect(stream, tls, min(deadline, SEAL_DEADLINE))
        except HandshakeFailed as error:
            logger.warning("A listener at %s is not its pinned agent (try %d): %s.", info.slug, attempt, error)
            if attempt == SEAL_ATTEMPTS:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")
