"""What systemd hears, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_bridge.agent.service_notify import ServiceNotify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "n"))
        listening.settimeout(5)
        yield listening


def test_words_are_those_of_sd_notify(systemd: socket.socket) -> None:
    notify = ServiceNotify({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "30000000"})
    assert notify.watchdog == 30.0
    notify.ready()
    notify.alive("down: relay-down\nREADY=0")
    notify.stopping()
    assert [systemd.recv(500) for _ in range(3)] == [
        b"READY=1", b"WATCHDOG=1\nSTATUS=down: relay-down READY=0", b"STOPPING=1",
    ]  # fmt: skip


def test_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0sightline-test-{os.getpid()}")
        listening.settimeout(5)
        ServiceNotify({"NOTIFY_SOCKET": f"@sightline-test-{os.getpid()}"}).ready()
        assert listening.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "vsock:2:1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"},
    ],
)
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    notify = ServiceNotify(environment)
    notify.ready()
    notify.alive("ok")
    assert notify.watchdog == 0


def test_full_queue_of_systemd_holds_nobody_up(systemd: socket.socket) -> None:
    notify = ServiceNotify({"NOTIFY_SOCKET": systemd.getsockname()})
    for _ in range(2000):
        notify.alive("x" * 200)
