"""A relay that says what a test wrote down, and a sender to it: what the tests of single HTTP requests share."""

from __future__ import annotations

import asyncio
import contextlib

from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.transport.sender import RelaySender
from tests.support.raw_http import RawServer

DEADLINE = 5.0  # seconds; no test may take longer


@contextlib.asynccontextmanager
async def sending(script, **options):
    """A sender to a server that runs ``script``, with a key unless ``key_name=None``."""
    async with RawServer(script) as server:
        string = ConnectionString(
            "127.0.0.1", server.port, "sites/north", options.pop("key_name", "web"), "send-key", use_tls=False
        )
        async with asyncio.timeout(DEADLINE), RelaySender(string, **options) as sender:
            sender.server = server
            yield sender
        assert server.errors == []


def saying(*texts: bytes):
    """A script: one of ``texts`` for each request of a connection, then hang up."""

    async def script(there):
        for text in texts:
            await there.head()
            await there.say(text)

    return script


async def chunks(*parts: bytes):
    for part in parts:
        yield part


async def call(sender, method, **options):
    async with sender.request(method, **options) as response:
        return await response.read()
