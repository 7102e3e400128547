"""The management port: HTTP on an address of its own, a bearer token, bounds on everything a caller sends.

/subscriptions/…, /providers/…   Azure Resource Manager (token, api-version)
/faults                          fault switches (token)
/metrics                         Prometheus, without a token: it holds counts and names of hybrid connections only
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.management import absent, authorization_rules, faults, hybrid_connections, namespaces
from relay_bridge.emulator.management.arm import (
    MAX_BODY,
    Answer,
    ArmError,
    Call,
    Router,
    check_api_version,
    error_body,
    parse_body,
    parse_query,
)
from relay_bridge.emulator.management.config import ManagementConfig
from relay_bridge.emulator.management.desk import Desk, Handler
from relay_bridge.emulator.management.entities import Entities
from relay_bridge.emulator.management.resources import Endpoint
from relay_bridge.emulator.management.state import StateFile
from relay_bridge.emulator.management.token_file import BearerToken, open_token_file
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.refusals import printable

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 64  # TCP connections of callers; the next one is cut
HEAD_DEADLINE: Final = 10.0  # seconds from the first byte of TCP, or the last answer, to the end of a request head
BODY_DEADLINE: Final = 10.0  # seconds for a request's body
LINGER: Final = 2.0  # seconds for which a refused request's body is read and thrown away, so that the answer arrives
STOP_DEADLINE: Final = 2.0  # seconds for calls that are being answered when the relay stops

_ROUTER: Final[Router[Handler]] = Router(
    [*namespaces.ROUTES, *hybrid_connections.ROUTES, *authorization_rules.ROUTES, *absent.ROUTES]
)


class ManagedRelay(Protocol):
    """The relay as its management sees it."""

    @property
    def faults(self) -> Faults: ...
    @property
    def endpoint(self) -> Endpoint: ...
    def listener_count(self, path: str) -> int: ...


class ManagementServer:
    """``apply`` is called with the whole namespace whenever it has changed, ``clock`` gives Unix seconds, ``metrics``
    content type and text.
    """

    def __init__(
        self,
        config: ManagementConfig,
        relay: ManagedRelay,
        *,
        apply: Callable[[EmulatorConfig], None],
        clock: Callable[[], float],
        metrics: Callable[[], Awaitable[tuple[str, bytes]]],
    ) -> None:
        self._config = config
        self._relay = relay
        self._apply = apply
        self._clock = clock
        self._metrics = metrics
        self._token: BearerToken | None = None
        self._desk: Desk | None = None
        self._connections: set[_Connection] = set()
        self._http: _Http | None = None
        self._server: asyncio.Server | None = None

    def open(self, declared: EmulatorConfig) -> None:
        """Read token file and state file, or make them, and apply what is in the latter beside ``declared``.

        Raises ``ConfigError`` where one of them cannot be used.
        """
        self._token = open_token_file(self._config.token_file)
        entities = Entities(declared, StateFile(self._config.state_file), self._clock, self._apply)
        self._desk = Desk(entities, self._config.namespace, self._endpoint, self._relay.listener_count)
        self._apply(entities.config)

    @property
    def entities(self) -> Entities:
        """What there is; after ``open``."""
        return self._opened().entities

    async def start(self) -> None:
        """Listen, after ``open``. Raises ``OSError`` when the address is taken or not ours."""
        self._http = _Http(self.handle, self._connections)
        self._server = await asyncio.get_running_loop().create_server(self._http, self._config.host, self._config.port)

    async def stop(self) -> None:
        if self._server is None or self._http is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.close()  # idle ones end at once; aiohttp would wait for them like for busy ones
        await self._http.shutdown(STOP_DEADLINE)
        await self._server.wait_closed()
        self._server = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._config.port if self._server is None else int(self._server.sockets[0].getsockname()[1])

    @property
    def address(self) -> str:
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def _opened(self) -> Desk:
        if self._desk is None:
            raise RuntimeError("the management port was not opened")
        return self._desk

    def _endpoint(self) -> Endpoint:
        own = self._relay.endpoint
        return own if self._config.advertise is None else Endpoint(*self._config.advertise, own.use_tls)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        request_id = str(uuid.uuid4())
        try:
            if path == "/metrics" and request.method in {"GET", "HEAD"}:
                kind, text = await self._metrics()
                return web.Response(body=text, headers={"Content-Type": kind})
            self._check_token(request)
            answer = await self._answer(request, path, query)
        except ArmError as error:
            return _refused(request, path, error, request_id)
        level = logging.DEBUG if request.method in {"GET", "HEAD"} else logging.INFO
        logger.log(level, "Management: %s %s: %d.", request.method, printable(path), answer.status)
        body = b"" if answer.content is None else json.dumps(answer.content).encode("utf-8")
        headers = {"x-ms-request-id": request_id, "Cache-Control": "no-store"}
        if answer.content is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return web.Response(status=answer.status, body=body, headers=headers)

    def _check_token(self, request: web.BaseRequest) -> None:
        if self._token is None or not self._token.matches(request.headers.get("Authorization")):
            raise ArmError(
                401,
                "AuthenticationFailed",
                "The Authorization header must be Bearer and the token of the relay's token file.",
                headers={"WWW-Authenticate": 'Bearer realm="relay management"'},
            )

    async def _answer(self, request: web.BaseRequest, path: str, query: str) -> Answer:
        content = await _read(request)
        if path == "/faults" or path.startswith("/faults/"):
            return self._switch(request.method, path, content)
        parameters = parse_query(query)
        handler, names = _ROUTER.find(request.method, path)
        check_api_version(parameters)
        base_url = f"http://{request.headers.get('Host') or self.address}"
        call = Call(request.method, path, names, parameters, content, base_url)
        return await handler(self._opened(), call)

    def _switch(self, method: str, path: str, content: bytes) -> Answer:
        switch, names = _FAULT_ROUTER.find(method, path)
        return switch(self._relay.faults, names.get("name", ""), parse_body(content) if content else {})


_FAULT_ROUTER: Final[Router[Callable[[Faults, str, dict[str, Any]], Answer]]] = Router(
    [
        ("GET", "/faults", lambda switches, _name, _body: faults.listed(switches)),
        ("DELETE", "/faults", lambda switches, _name, _body: faults.clear(switches)),
        ("POST", "/faults/{name}", faults.turn),
    ]
)


async def _read(request: web.BaseRequest) -> bytes:
    """The body. Raises ``ArmError`` 413 or 408."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            async for piece in request.content.iter_any():
                content += piece
                if len(content) > MAX_BODY:
                    raise ArmError(413, "RequestTooLarge", f"A request body has at most {MAX_BODY} bytes.")
    except TimeoutError as error:
        message = f"The request body did not arrive within {BODY_DEADLINE:g} seconds."
        raise ArmError(408, "RequestTimeout", message) from error
    return bytes(content)


def _refused(request: web.BaseRequest, path: str, error: ArmError, request_id: str) -> web.Response:
    level = logging.WARNING if error.status in {401, 500} else logging.INFO
    logger.log(
        level, "Management: %s %s: %d %s.", printable(request.method, 16), printable(path), error.status, error.code
    )
    response = web.Response(
        status=error.status,
        body=json.dumps(error_body(error)).encode("utf-8"),
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "x-ms-request-id": request_id,
            "Cache-Control": "no-store",
            **error.headers,
        },
    )
    if error.status in {401, 408, 413}:
        response.force_close()
    return response


class _Http(web.Server):
    """aiohttp's server with a bound on connections."""

    def __init__(self, handler: Callable[[web.BaseRequest], Any], connections: set[_Connection]) -> None:
        # A change that was begun is ended, whether its caller waits or not.
        super().__init__(handler, handler_cancellation=False)
        self._taken = connections

    def __call__(self) -> web.RequestHandler:
        return _Connection(
            self,
            self._taken,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=HEAD_DEADLINE,
            lingering_time=LINGER,
        )


class _Connection(web.RequestHandler):
    """One caller's TCP connection, counted."""

    __slots__ = ("_taken",)

    def __init__(self, server: web.Server, taken: set[_Connection], **options: Any) -> None:
        super().__init__(server, **options)
        self._taken = taken

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self._taken) >= MAX_CONNECTIONS:
            logger.warning("A management connection was cut: %d are open, no more are taken.", len(self._taken))
            transport.abort()
        else:
            self._taken.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._taken.discard(self)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or a fault of ours. What the caller sent is not repeated: it may be a token."""
        if status < 500:
            return web.Response(status=status, text="This is not an HTTP request that the relay can read.\n")
        logger.error("Management: an internal error.", exc_info=exc)
        body = error_body(ArmError(500, "InternalError", "The relay made a mistake; its log says more."))
        return web.Response(status=500, body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
