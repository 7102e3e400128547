"""A tiny real server for the pages' scripts: our templates, our static files, the real CSP, and one live socket.

The test plays the web app's side of the socket by hand: ``phone = await server.phone()``, ``await phone.say(frame)``,
``await phone.heard()``.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import django_htmx
from django.conf import settings
from django.shortcuts import render
from django.test import RequestFactory
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

DEADLINE = 10.0  # seconds for anything that a test waits for
_HTMX = Path(django_htmx.__file__).parent / "static"


def render_page(template: str, context: Mapping[str, Any], *, theme: str = "light", path: str = "/") -> str:
    """A page as the web app renders it."""
    request = RequestFactory().get(path)
    request.COOKIES["theme"] = theme
    request.htmx = False
    return render(request, template, context).content.decode()


class Phone:
    """The server's end of one page's socket."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def say(self, frame: Mapping[str, Any]) -> None:
        await self.connection.send(json.dumps(frame))

    async def heard(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.messages.get(), DEADLINE)

    async def close(self, code: int) -> None:
        await self.connection.close(code)

    async def lost(self) -> None:
        await asyncio.wait_for(self.gone.wait(), DEADLINE)


class PageServer:
    """``pages``: HTML by path, ``parts`` what htmx gets there, ``files`` other bodies with their content types.

    A page may be named with its query, where that matters. ``status`` answers a path with a bare status, ``refuse``
    makes every new socket fail in the handshake.
    """

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self.files: dict[str, tuple[str, str]] = {}
        self.status: dict[str, int] = {}
        self.refuse = False
        self.requests: list[str] = []
        self._phones: asyncio.Queue[Phone] = asyncio.Queue()
        self._server: Server | None = None

    async def __aenter__(self) -> PageServer:
        self._server = await serve(self._talk, "127.0.0.1", 0, process_request=self._answer)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def origin(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def phone(self) -> Phone:
        return await asyncio.wait_for(self._phones.get(), DEADLINE)

    async def _talk(self, connection: ServerConnection) -> None:
        phone = Phone(connection)
        await self._phones.put(phone)
        try:
            async for text in connection:
                await phone.messages.put(json.loads(text))
        except ConnectionClosed:
            pass
        finally:
            phone.gone.set()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path.startswith("/ws/"):
            return _response(HTTPStatus.FORBIDDEN, "text/plain", b"") if self.refuse else None
        self.requests.append(request.path)
        if path in self.status:
            return _response(HTTPStatus(self.status[path]), "text/plain", b"")
        if path in self.parts and "HX-Request" in request.headers:
            return _response(HTTPStatus.OK, "text/html; charset=utf-8", self.parts[path].encode())
        if path in self.files:
            kind, body = self.files[path]
            return _response(HTTPStatus.OK, kind, body.encode())
        page = self.pages.get(request.path, self.pages.get(path))
        if page is not None:
            return _response(HTTPStatus.OK, "text/html; charset=utf-8", page.encode())
        file = static_file(path)
        if file is None:
            return _response(HTTPStatus.NOT_FOUND, "text/plain", b"")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return _response(HTTPStatus.OK, kind, file.read_bytes())


def static_file(path: str) -> Path | None:
    """The file behind an address below ``/static/``."""
    if not path.startswith("/static/"):
        return None
    name = path.removeprefix("/static/")
    root = _HTMX if name.startswith("django_htmx/") else settings.BASE_DIR / "static"
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None


def content_security_policy() -> str:
    """The policy of the settings, as a header."""
    directives = dict(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"])
    directives["connect-src"] = ["'self'"]  # the test's own port instead of the public address
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def _response(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Content-Security-Policy": content_security_policy(),
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
