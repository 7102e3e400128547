"""The emulator that the clients meet at, plain or with TLS under a certificate of its own, and with a clock to move."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from tests.conformance.place import ANONYMOUS_PATH, EMPTY_PATH, HOST, LISTEN_KEY, PATH, SEND_KEY, Place
from tests.support.certificates import make_server_certificate

_RULES = (Rule("listen", frozenset({"Listen"}), LISTEN_KEY), Rule("send", frozenset({"Send"}), SEND_KEY))
CONFIG = EmulatorConfig(
    (
        HybridConnection(PATH, True, _RULES),
        HybridConnection(EMPTY_PATH, True, _RULES),
        HybridConnection(ANONYMOUS_PATH, False, _RULES),
    )
)


class MovableClock:
    """Unix seconds, as far ahead as the test says. It decides about tokens only."""

    def __init__(self) -> None:
        self.ahead = 0.0  # seconds

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextlib.asynccontextmanager
async def emulator_at(scheme: str, directory: Path, **options: Any) -> AsyncIterator[Place]:
    """Where a running emulator is: "plain" or, under a certificate of its own, "tls"."""
    async with emulator(scheme, directory, **options) as (_, place):
        yield place


@contextlib.asynccontextmanager
async def emulator(scheme: str, directory: Path, **options: Any) -> AsyncIterator[tuple[RelayEmulator, Place]]:
    """A running emulator itself, and where it is."""
    context, authority = None, None
    if scheme == "tls":
        authority, key = make_server_certificate(HOST).write(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority, key)
    async with RelayEmulator(CONFIG, HOST, tls=context, **options) as running:
        yield running, Place(HOST, running.port, context is not None, authority=authority)
