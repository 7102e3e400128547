"""A real relay with its management port, and a port that answers whatever a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.management import RelayManagement
from tests.support.relay import RelayThread


@pytest.fixture(scope="session")
def relay_thread() -> Iterator[RelayThread]:
    thread = RelayThread()
    yield thread
    thread.close()


@pytest.fixture
def relay(relay_thread: RelayThread, tmp_path: Path) -> Iterator[RelayEmulator]:
    running = relay_thread.start(tmp_path / "relay")
    yield running
    relay_thread.stop(running)


@pytest.fixture
def token(relay: RelayEmulator, tmp_path: Path) -> str:
    return (tmp_path / "relay" / "relay.token").read_text().strip()


@pytest.fixture
def management(relay: RelayEmulator, token: str) -> Iterator[RelayManagement]:
    with RelayManagement.for_emulator(relay.management_url, token) as made:
        yield made


class Plane:
    """A port that answers with what stands in ``answers``, the last one for ever: (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        plane = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                plane.asked.append((self.command, self.path, dict(self.headers)))
                status, headers, body = plane.answers.pop(0) if len(plane.answers) > 1 else plane.answers[0]
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def plane() -> Iterator[Plane]:
    made = Plane()
    yield made
    made.close()


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asking(plane: Plane, clock: Clock) -> Iterator[RelayManagement]:
    """The client, pointed at ``plane``, on ``clock``."""
    with RelayManagement.for_emulator(
        plane.url, "a-token-of-the-tests", clock=clock, sleep=clock.sleep, random=lambda: 1.0
    ) as made:
        yield made
