"""A source that floods, drips and bombs costs what the bounds say: the last time as little as the first."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tracemalloc

import psutil

from relay_bridge.agent.drivers.rest.client import HttpClient
from relay_bridge.agent.drivers.rest.documents import parse_document
from relay_bridge.agent.drivers.rest.problems import Trouble
from tests.support import rest_server
from tests.support.rest_server import RestServer

BAD = [
    rest_server.bomb,
    rest_server.huge,
    rest_server.huge_by_length,
    rest_server.many_headers,
    rest_server.reset,
    rest_server.slow_body,
    rest_server.slow_headers,
    rest_server.text(b"[" + b"[]," * 300_000 + b"0]"),
    rest_server.packed(b"[" + b"0," * 300_000 + b"0]"),
]
LIMIT = 1024 * 1024


async def test_memory_does_not_grow_and_never_holds_what_was_sent() -> None:
    async with RestServer() as server:
        turns = itertools.cycle(BAD)
        server.answers["/"] = lambda _: next(turns)
        client = HttpClient(
            server.url, None, rate=100, connections=2, first_byte=0.15, deadline=0.2, max_answer=LIMIT
        )  # fmt: skip

        async def once() -> None:
            try:
                answer = await client.ask("GET", "/", {})
                parse_document(answer.body)
            except Trouble:
                return
            raise AssertionError("a bad answer was taken for a good one")

        async def rounds(count: int) -> int:
            for _ in range(count * len(BAD) // 2):
                await asyncio.gather(once(), once())
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            first = await rounds(2)
            resident = psutil.Process().memory_info().rss
            tracemalloc.reset_peak()
            last = await rounds(4)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await client.close()
        assert server.connections > 45
    # The test's own server makes the flood in this process as well; it writes 64 kB at a time.
    assert last < first * 1.2 + 200_000
    assert peak - first < 24 * LIMIT
    assert psutil.Process().memory_info().rss < resident + 48 * LIMIT
    assert client._all == set()
