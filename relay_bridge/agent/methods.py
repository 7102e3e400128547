"""The methods of the process API, one function each: what a request asks for, and what it needs for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from relay_bridge.agent.admission import AdmissionRefused, Admitted
from relay_bridge.agent.alarms.methods import AlarmMethods
from relay_bridge.agent.books import answer_trace, answer_wstat
from relay_bridge.agent.handles import NOT_ACCEPTED, Handles
from relay_bridge.agent.site import AGENT_NAME, Site
from relay_bridge.agent.stream import LiveStream
from relay_bridge.agent.token_keys import KeysRefused
from relay_bridge.contract.acting import ActAnswer, Cmd, Trace, TraceAnswer, Write, Wstat
from relay_bridge.contract.audit import refusal_tag
from relay_bridge.contract.codec import decode_parameters, read_item
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.history import Hist, HistAnswer
from relay_bridge.contract.messages import (
    HEARTBEAT_MS,
    VERSION,
    Auth,
    AuthAnswer,
    CatalogAnswer,
    CatalogQuery,
    Drop,
    Empty,
    Hello,
    HelloAnswer,
    Keys,
    KeysAnswer,
    PingAnswer,
    Rate,
    Read,
    ReadAnswer,
    Request,
    Sub,
    SubAnswer,
    Trail,
    TrailAnswer,
    Unsub,
)
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN
from relay_bridge.contract.scopes import SCOPE_OF_METHOD, format_scopes

if TYPE_CHECKING:  # the code that acts is loaded only where a site allows it
    from relay_bridge.agent.acting import Acting

MAX_HISTORIES = 2  # of one session at a time
KEYS_NOT_ACCEPTED = "The site did not accept these keys; its log says why."
_ACTIONS = {"write": "write", "cmd": "command"}  # and their part of the journal's tags
logger = logging.getLogger(__name__)


def answer_hello(site: Site, hello: Hello) -> HelloAnswer:
    """The first answer of a session; ``RequestRefused`` for a version this agent does not speak."""
    if hello.v != VERSION:
        raise RequestRefused("unsupported", f"This agent speaks version {VERSION} of the process API.")
    return HelloAnswer(
        v=VERSION,
        epoch=site.epoch,
        site=site.id,
        agent=AGENT_NAME,
        caps=list(site.capabilities),
        cat=site.catalog.hash,
        t=site.clock.wall_ms(),
        hb=HEARTBEAT_MS,
        sources=site.subscriptions.states(),
        keys=site.token_keys.stamp,
        mode=site.switch.mode,
    )


class _Method(NamedTuple):
    run: Callable[..., Awaitable[msgspec.Struct]]
    scope: str | None  # what the presented token must carry; None: no token needed
    personal: bool = False  # it is also told who asks


class Methods:
    """The methods, for one session."""

    def __init__(
        self,
        site: Site,
        handles: Handles,
        stream: LiveStream,
        *,
        session: str,
        peer_thumbprint: str,
        later: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._site = site
        self._handles = handles
        self._stream = stream
        self._session = session
        self._peer = peer_thumbprint
        self._histories = 0  # being read now
        self._later = later  # runs what must not hold up an answer
        run: dict[str, Callable[..., Awaitable[msgspec.Struct]]] = {
            "hello": self._hello_again,
            "auth": self._auth,
            "drop": self._drop,
            "keys": self._keys,
            "ping": self._ping,
            "catalog": self._catalog,
            "read": self._read,
            "sub": self._sub,
            "unsub": self._unsub,
            "rate": self._rate,
            "trail": self._trail,
            "hist": self._hist,
        }
        alarms = AlarmMethods(site.alarms, stream, session)
        personal: dict[str, Callable[..., Awaitable[msgspec.Struct]]] = {
            "alarms": alarms.alarms,
            "journal": alarms.journal,
            "ack": alarms.ack,
            "shelve": alarms.shelve,
            "write": self._write,
            "cmd": self._cmd,
            "wstat": self._wstat,
            "trace": self._trace,
        }
        # By the table that the web app reads too; a method that is missing there ends every session at its start.
        self._methods = {name: _Method(method, SCOPE_OF_METHOD[name]) for name, method in run.items()}
        self._methods |= {name: _Method(method, SCOPE_OF_METHOD[name], True) for name, method in personal.items()}

    async def call(self, request: Request) -> msgspec.Struct:
        """Run one request; every ``RequestRefused`` is an answer. The token is judged before the parameters."""
        method = self._methods.get(request.m)
        admitted: Admitted | None = None
        try:
            self._check_open(request.m)
            if method is not None and method.scope is not None:
                admitted = self._handles.require(request.a, method.scope)
            parameters: Any = decode_parameters(request)
        except RequestRefused as refusal:
            self._note_refused_action(request.m, admitted, refusal)
            raise
        if method is None:
            raise RequestRefused("unsupported", "This method is not offered.")
        return await (method.run(parameters, admitted) if method.personal else method.run(parameters))

    def _check_open(self, method: str) -> None:
        """The site's own word comes before anybody's token."""
        self._site.switch.check(method)
        if method in _ACTIONS and self._site.acting is None:
            raise RequestRefused("read_only", "This site is configured for reading only.")

    def _note_refused_action(self, method: str, admitted: Admitted | None, refusal: RequestRefused) -> None:
        """Every attempt to act is in the journal, also one that did not get as far as the rules."""
        if method in _ACTIONS:
            actor = admitted.sub if admitted is not None else ""
            self._site.journal.record(
                f"agent:{_ACTIONS[method]}:refused", result="refused", actor=actor, reason=refusal.message,
                session=self._session, facts={"code": refusal.code},
            )  # fmt: skip

    async def _write(self, write: Write, admitted: Admitted) -> ActAnswer:
        return await self._acting().write(write, admitted, self._session)

    async def _cmd(self, cmd: Cmd, admitted: Admitted) -> ActAnswer:
        return await self._acting().cmd(cmd, admitted, self._session)

    def _acting(self) -> Acting:
        if self._site.acting is None:  # asked before the token already
            raise RequestRefused("read_only", "This site is configured for reading only.")
        return self._site.acting

    async def _wstat(self, wstat: Wstat, admitted: Admitted) -> ActAnswer:
        return await answer_wstat(self._site.books, admitted.sub, wstat)

    async def _trace(self, trace: Trace, admitted: Admitted) -> TraceAnswer:
        return await answer_trace(self._site.books, admitted.sub, trace, self._site.clock.wall_ms())

    async def _hello_again(self, _: Hello) -> msgspec.Struct:
        raise RequestRefused("bad_request", "hello is the first message of a session and no other.")

    async def _auth(self, auth: Auth) -> AuthAnswer:
        try:
            admitted = self._site.admission.admit(
                auth.token, self._peer, self._site.clock.wall(), session=self._session
            )
        except AdmissionRefused as refusal:
            logger.warning("session %s: token refused: %s (%s)", self._session, refusal.reason, refusal.code)
            self._site.journal.record(
                refusal_tag(refusal.code), result="refused", reason=refusal.reason, session=self._session
            )
            self._site.clock_watch.refused(refusal.code)
            raise RequestRefused("auth", NOT_ACCEPTED) from None
        self._site.clock_watch.admitted()
        handle = self._handles.present(admitted, auth.a)
        return AuthAnswer(a=handle, scope=format_scopes(admitted.scopes), exp=admitted.exp)

    async def _drop(self, drop: Drop) -> Empty:
        """No token is asked for: the handles are this session's own, and whoever gives one up gains nothing.

        When none that carries live data is left the stream ends here, before the answer: no value follows it.
        """
        known = self._handles.drop(drop.a)
        if known and self._stream.flows and self._stream.lease_left() <= 0:
            self._stream.unsubscribe(sorted(self._stream.watched))
            self._stream.hide_alarms()
            self._site.journal.record(
                "agent:lease:ended", result="done", reason="The web app withdrew it.", session=self._session
            )
        return Empty()

    async def _keys(self, keys: Keys) -> KeysAnswer:
        """No token is asked for: the statement is signed itself, and the peer is the pinned web app."""
        if not keys.statement:
            return self._site.token_keys.answer()
        try:
            answer = self._site.token_keys.renew(keys.statement, self._site.clock.wall())
        except KeysRefused as refusal:
            logger.warning("session %s: new issuer keys refused: %s", self._session, refusal.reason)
            self._site.journal.record(
                "agent:keys:refused", result="refused", reason=refusal.reason, session=self._session
            )
            raise RequestRefused("auth", KEYS_NOT_ACCEPTED) from None
        facts = {"sequence": str(answer.sequence)}
        self._site.journal.record("agent:keys:renewed", result="done", session=self._session, facts=facts)
        return answer

    async def _ping(self, _: Empty) -> PingAnswer:
        return PingAnswer(t=self._site.clock.wall_ms())

    async def _trail(self, trail: Trail) -> TrailAnswer:
        """No token is asked for: what is told are signed statements, and the peer is the pinned web app."""
        held = self._site.counterpart.held() if trail.mine is None else self._site.counterpart.take(trail.mine)
        agrees = trail.held is None or await self._site.counterpart.agrees(trail.held)
        return TrailAnswer(mine=self._site.journal.checkpoint(), held=held, agrees=agrees)

    async def _hist(self, query: Hist) -> HistAnswer:
        if self._histories >= MAX_HISTORIES:
            raise RequestRefused("busy", f"{MAX_HISTORIES} histories of this session are being read; wait for one.")
        self._histories += 1
        try:
            return await self._site.history.answer(query)
        finally:
            self._histories -= 1

    async def _catalog(self, query: CatalogQuery) -> CatalogAnswer:
        return self._site.catalog.page(query)

    async def _read(self, read: Read) -> ReadAnswer:
        tags = self._site.ceiling.require(read.tags)
        readings = await self._site.reads.read(tags, fresh=read.fresh)
        return ReadAnswer(t=self._site.clock.wall_ms(), d=[read_item(tag.id, readings[tag.id]) for tag in tags])

    async def _sub(self, sub: Sub) -> SubAnswer:
        known, unknown = self._site.ceiling.divide(sub.tags)
        self._site.ceiling.check_count(len(self._stream.watched.union(tag.id for tag in known)))
        handles = self._stream.subscribe(known, sub.rate) if known else {}
        self._later(self._site.reads.prime(known))
        return SubAnswer(h=handles, bad=dict.fromkeys(unknown, BAD_NODE_ID_UNKNOWN))

    async def _unsub(self, unsub: Unsub) -> Empty:
        self._stream.unsubscribe(unsub.tags)
        return Empty()

    async def _rate(self, rate: Rate) -> Empty:
        self._stream.set_rate(rate.ms, background=rate.bg)
        return Empty()
