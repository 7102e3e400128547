"""A hybrid connection that demands no authorization of senders: they need no token, and what they carry is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance import http_model, http_parties, websocket_model, websocket_parties
from tests.conformance.cases import OURS, cases
from tests.conformance.http_rows import HYCO, PLAIN, Row, exchange
from tests.conformance.place import ANONYMOUS, Place, real_anonymous_place, real_place
from tests.conformance.stage import Stage
from tests.conformance.websocket_model import Opened, Plan

HYCO_WS = "hyco-ws"
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        real_place() is not None and real_anonymous_place() is None, reason=f"{ANONYMOUS} names no hybrid connection"
    ),
]


KINDS = {"http": http_parties, "websocket": websocket_parties}


def _listener(name: str, place: Place) -> AbstractAsyncContextManager[Any]:
    kind, _, who = name.partition(" ")
    return KINDS[kind].open_listener(who, place.anonymous())


def _sender(name: str, place: Place) -> AbstractAsyncContextManager[Any]:
    kind, _, who = name.partition(" ")
    return KINDS[kind].open_sender(who, place.anonymous())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("relay"), _listener, _sender)
    yield stage
    await stage.clear()


async def _without_a_token(listener: http_model.Listener, sender: http_model.Sender) -> None:
    await exchange(listener, sender, http_model.Call("POST", "/a?b=1", size=100), http_model.Answer(size=10))


async def _token_not_evaluated(listener: http_model.Listener, sender: http_model.Sender) -> None:
    call = http_model.Call(
        target="?a=1&sb-hc-token=no-token-at-all", headers=(("ServiceBusAuthorization", "nonsense"),)
    )
    await exchange(listener, sender, call, target="?a=1")


async def _authorization_passes(listener: http_model.Listener, sender: http_model.Sender) -> None:
    seen, _ = await exchange(listener, sender, http_model.Call(headers=(("Authorization", "SharedAccessSignature x"),)))
    assert seen.headers["authorization"] == "SharedAccessSignature x"


HTTP_ROWS = [
    Row("anonymous-without-a-token", _without_a_token),
    # A sender of ours refuses to send a header of the relay's that it did not make.
    Row("anonymous-token-is-not-evaluated-but-taken-off", _token_not_evaluated, senders=frozenset({HYCO, PLAIN})),
    Row("anonymous-Authorization-is-the-listeners", _authorization_passes),
]


@pytest.mark.parametrize(("scheme", "listener", "sender", "row"), cases(HTTP_ROWS, (HYCO, OURS), (HYCO, OURS, PLAIN)))
async def test_http(stage: Stage, scheme: str, listener: str, sender: str, row: Row) -> None:
    await stage.run(scheme, f"http {listener}", f"http {sender}", row.check)


async def _stream_without_a_token(listener: websocket_model.Listener, sender: websocket_model.Sender) -> None:
    link = await listener.plan(Plan("echo"))
    socket = await sender.connect(websocket_model.Call("/a?b=1"))
    await socket.send("binary", 100)
    assert [message.size for message in await socket.receive()] == [100]
    assert (await listener.opened(link)).target == Opened("/a?b=1").target
    await socket.close()
    await listener.ended(link)


WEBSOCKET_ROWS = [
    Row(
        "anonymous-stream-without-a-token",
        _stream_without_a_token,
        listeners=frozenset({HYCO_WS, OURS}),
        senders=frozenset({HYCO_WS, OURS}),
    )
]


@pytest.mark.parametrize(
    ("scheme", "listener", "sender", "row"), cases(WEBSOCKET_ROWS, (HYCO_WS, OURS), (HYCO_WS, OURS))
)
async def test_websocket(stage: Stage, scheme: str, listener: str, sender: str, row: Row) -> None:
    await stage.run(scheme, f"websocket {listener}", f"websocket {sender}", row.check)
