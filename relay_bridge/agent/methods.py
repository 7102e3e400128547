"""The methods of the process API, one function each: what a request asks for, and what it needs for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from relay_bridge.agent.admission import AdmissionRefused
from relay_bridge.agent.handles import NOT_ACCEPTED, Handles
from relay_bridge.agent.site import AGENT_NAME, Site
from relay_bridge.agent.stream import LiveStream
from relay_bridge.contract.codec import decode_parameters, read_item
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import (
    HEARTBEAT_MS,
    VERSION,
    Auth,
    AuthAnswer,
    CatalogAnswer,
    CatalogQuery,
    Empty,
    Hello,
    HelloAnswer,
    PingAnswer,
    Rate,
    Read,
    ReadAnswer,
    Request,
    Sub,
    SubAnswer,
    Unsub,
)
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN
from relay_bridge.contract.scopes import format_scopes

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
    )


class _Method(NamedTuple):
    run: Callable[..., Awaitable[msgspec.Struct]]
    scope: str | None  # what the presented token must carry; None: no token needed


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
        self._later = later  # runs what must not hold up an answer
        self._methods: dict[str, _Method] = {
            "hello": _Method(self._hello_again, None),
            "auth": _Method(self._auth, None),
            "ping": _Method(self._ping, None),
            "catalog": _Method(self._catalog, "data:live"),
            "read": _Method(self._read, "data:live"),
            "sub": _Method(self._sub, "data:live"),
            "unsub": _Method(self._unsub, "data:live"),
            "rate": _Method(self._rate, "data:live"),
        }

    async def call(self, request: Request) -> msgspec.Struct:
        """Run one request; every ``RequestRefused`` is an answer. The token is judged before the parameters."""
        method = self._methods.get(request.m)
        if method is not None and method.scope is not None:
            self._handles.require(request.a, method.scope)
        parameters: Any = decode_parameters(request)
        if method is None:
            raise RequestRefused("unsupported", "This method is not offered.")
        return await method.run(parameters)

    async def _hello_again(self, _: Hello) -> msgspec.Struct:
        raise RequestRefused("bad_request", "hello is the first message of a session and no other.")

    async def _auth(self, auth: Auth) -> AuthAnswer:
        try:
            admitted = self._site.admission.admit(
                auth.token, self._peer, self._site.clock.wall(), session=self._session
            )
        except AdmissionRefused as refusal:
            logger.warning("session %s: token refused: %s", self._session, refusal.reason)
            raise RequestRefused("auth", NOT_ACCEPTED) from None
        handle = self._handles.present(admitted, auth.a)
        return AuthAnswer(a=handle, scope=format_scopes(admitted.scopes), exp=admitted.exp)

    async def _ping(self, _: Empty) -> PingAnswer:
        return PingAnswer(t=self._site.clock.wall_ms())

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
