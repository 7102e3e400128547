"""Several web processes on the test's own database and state folder, and pages on them over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import websockets
from django.conf import settings
from django.db import connection

from tests.support.demo import ROOT, free_port

READY_DEADLINE = 60.0  # seconds, on a busy machine
PATIENCE = 15.0  # seconds
CSRF = "a" * 32  # what a browser would have got with the form


class WebProcess:
    """One daphne on a free port, with the settings of production."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / f"web-{self.port}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(Path(sys.executable).parent / "daphne"), "-b", "127.0.0.1", "-p", str(self.port),
                    "hmi.asgi:application",
                ],
                cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def wait_ready(self) -> None:
        async with asyncio.timeout(READY_DEADLINE):
            while True:
                assert self._process.poll() is None, self.log.read_text()[-4000:]
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    return

    def post(self, path: str, session: Any, fields: dict[str, Any]) -> int:
        """What a signed-in browser sends with a form; the status of the answer. Redirects are not followed."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=urllib.parse.urlencode(fields, doseq=True).encode(),
            headers={
                "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}={CSRF}",
                "X-CSRFToken": CSRF,
                "Origin": settings.PUBLIC_URL,
            },
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=PATIENCE) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    @asynccontextmanager
    async def page(self, path: str, session: Any) -> AsyncIterator[Page]:
        """An open live page that has values."""
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=settings.PUBLIC_URL,
            additional_headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"},
        ) as socket:
            page = Page(socket)
            reading = asyncio.create_task(page.read())
            try:
                async with asyncio.timeout(PATIENCE):
                    await page.live.wait()
                yield page
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


class Page:
    """Times are ``time.monotonic()``."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self.live = asyncio.Event()
        self.over = asyncio.Event()
        self.last_data = 0.0
        self.over_at = 0.0
        self.code = 0
        self.why = ""

    async def read(self) -> None:
        try:
            async for text in self._socket:
                frame = json.loads(text)
                if frame["k"] in {"s", "d"}:
                    self.last_data = time.monotonic()
                    await self._socket.send(json.dumps({"ok": frame["n"]}))
                if frame["k"] == "bye":
                    self.why = frame["why"]
                if frame.get("link", [""])[0] == "live":
                    self.live.set()
        except websockets.ConnectionClosed:
            pass
        self.code = self._socket.close_code
        self.over_at = time.monotonic()
        self.over.set()

    async def until_over(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.over.wait()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


@asynccontextmanager
async def web_processes(count: int, folder: Path) -> AsyncIterator[list[WebProcess]]:
    """``count`` of them, ready to answer."""
    async with AsyncExitStack() as stack:
        running = []
        for _ in range(count):
            process = WebProcess(folder)
            stack.push_async_callback(asyncio.to_thread, process.stop)
            running.append(process)
        await asyncio.gather(*(process.wait_ready() for process in running))
        yield running


def _environment() -> dict[str, str]:
    bridge = settings.SIGHTLINE
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
        "DJANGO_SETTINGS_MODULE": "hmi.settings",
        "SIGHTLINE_STATE_DIR": str(bridge.state_dir),
        "SIGHTLINE_DATABASE": str(connection.settings_dict["NAME"]),
        "SIGHTLINE_SECRET_KEY": settings.SECRET_KEY,
        "SIGHTLINE_PUBLIC_URL": settings.PUBLIC_URL,
        "SIGHTLINE_ALLOWED_HOSTS": "127.0.0.1",
        "SIGHTLINE_ISSUER": bridge.issuer,
        "SIGHTLINE_SECOND_FACTOR": "off-on-loopback",
        "SIGHTLINE_GRANT_APPROVAL": "0",
        "PYTHONUNBUFFERED": "1",
    }
