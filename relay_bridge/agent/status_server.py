"""The smallest HTTP server that the control-room page needs: loopback only, one request a connection, all bounded.

Loopback is open to every program and every browser of this machine, so three things are asked of a request: its
``Host`` is this address (a page elsewhere whose name was bound anew to 127.0.0.1 has another), a form comes from this
very origin, and it carries the token of the page that it was on.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httptools

REQUEST_DEADLINE = 5.0  # seconds for a whole request and its answer
MAX_REQUEST = 16 * 1024  # bytes: head and form
MAX_CONNECTIONS = 16
MAX_FIELDS = 8
RETRY = 30.0  # seconds before a port that is taken is tried again
_REASONS: Final = {
    200: "OK", 303: "See Other", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 421: "Misdirected Request", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """An answer. ``see``: where to go on, for 303. ``style``: the digest of the one style sheet in the page."""

    text: str
    status: int = 200
    see: str = ""
    style: str = ""


@dataclass
class _Request:
    """What the parser has heard so far."""

    url: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True

    def header(self, name: str) -> str:
        """The value of a header that came exactly once; empty otherwise."""
        values = [value for key, value in self.headers if key == name]
        return values[0] if len(values) == 1 else ""


Show = Callable[[str, str], Awaitable[Page | None]]  # path and token -> the page, None for no such page
Submit = Callable[[str, dict[str, str]], Awaitable[Page | None]]  # path and fields


class StatusServer:
    """Serves one page's ``show`` and ``submit`` on a loopback address until ``run`` is cancelled."""

    def __init__(self, host: str, port: int, show: Show, submit: Submit) -> None:
        self.port = port
        self.listening = asyncio.Event()
        self._host = host
        self._show = show
        self._submit = submit
        self._token = secrets.token_urlsafe(32)
        self._connections = 0

    async def run(self) -> None:
        """A port that is taken is said in the log and tried again; the agent goes on without the page."""
        while True:
            try:
                server = await asyncio.start_server(self._serve, self._host, self.port, limit=MAX_REQUEST)
            except OSError as error:
                logger.error("the status page cannot listen on port %d: %s", self.port, error.strerror)  # noqa: TRY400
                await asyncio.sleep(RETRY)
                continue
            async with server:
                self.port = server.sockets[0].getsockname()[1]
                logger.info("the status page: http://%s:%d/", self._host_in_url, self.port)
                self.listening.set()
                await server.serve_forever()

    @property
    def _host_in_url(self) -> str:
        return f"[{self._host}]" if ":" in self._host else self._host

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            async with asyncio.timeout(REQUEST_DEADLINE):
                if self._connections > MAX_CONNECTIONS:
                    page, with_body = Page("Too many connections; try again.", 503), True
                else:
                    page, with_body = await self._answer(reader)
                writer.write(_encode(page, with_body=with_body))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            logger.debug("the status page: a connection broke off")
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Page, bool]:
        request = _Request()
        parser = httptools.HttpRequestParser(request)
        size = 0
        try:
            while not request.complete:
                data = await reader.read(4096)
                size += len(data)
                if not data or size > MAX_REQUEST:
                    return Page("This is no request for this page.", 400), True
                parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return Page("This is no request for this page.", 400), True
        method = parser.get_method().decode("latin-1")
        try:
            page = await self._dispatch(method, request)
        except Exception:
            logger.exception("the status page broke")
            page = Page("The page broke; the agent's log says why.", 500)
        return page, method != "HEAD"

    async def _dispatch(self, method: str, request: _Request) -> Page:
        host = request.header("host").lower()
        if host not in {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}:
            return Page("This page is only for this machine, by its own address.", 421)
        try:
            path = urlsplit(request.url.decode("ascii")).path
        except ValueError:
            return Page("This is no address of this page.", 400)
        if method in {"GET", "HEAD"}:
            return await self._show(path, self._token) or Page("There is no such page.", 404)
        if method != "POST":
            return Page("This page is for looking and for its own form.", 405)
        if not self._from_own_page(request, host):
            return Page("This form did not come from this page: open the page anew and try again.", 403)
        fields = _fields(request)
        if fields is None:
            return Page("This is no form of this page.", 400)
        if not hmac.compare_digest(fields.pop("token", "").encode(), self._token.encode()):
            return Page("This page is from before the agent's last start: open it anew and try again.", 403)
        return await self._submit(path, fields) or Page("There is no such page.", 404)

    @staticmethod
    def _from_own_page(request: _Request, host: str) -> bool:
        """Browsers say where a form comes from, and no page can make them say otherwise."""
        site = request.header("sec-fetch-site")
        return request.header("origin").lower() == f"http://{host}" and site in {"", "same-origin"}


def _fields(request: _Request) -> dict[str, str] | None:
    if request.header("content-type").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return None
    try:
        pairs = parse_qsl(
            request.body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError:
        return None
    return dict(pairs)


def _encode(page: Page, *, with_body: bool) -> bytes:
    body = page.text.encode("utf-8")
    kind = "text/html" if page.style else "text/plain"
    style = f"'{page.style}'" if page.style else "'none'"
    head = [
        f"HTTP/1.1 {page.status} {_REASONS[page.status]}",
        f"Content-Type: {kind}; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "Cache-Control: no-store",
        f"Content-Security-Policy: default-src 'none'; style-src {style}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Resource-Policy: same-origin",
        "Referrer-Policy: same-origin",
    ]
    if page.see:
        head.append(f"Location: {page.see}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + (body if with_body else b"")
