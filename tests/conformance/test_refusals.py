"""Who is refused, as each client sees it: senders and listeners with a wrong token, and senders with nobody to call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from relay_bridge.transport import ListenerState, RelayListener, StaticCredential
from tests.conformance import http_model, http_parties, websocket_parties
from tests.conformance.cases import OURS, SCHEMES
from tests.conformance.peer import DEADLINE, NodePeer
from tests.conformance.place import EMPTY_PATH, Place, real_place
from tests.conformance.stage import Stage
from tests.conformance.websocket_model import Refused

HYCO_HTTPS, HYCO_WS, PLAIN = "hyco-https", "hyco-ws", "plain"
PROGRAMS = {"http sender": "http_sender.js", "ws sender": "ws_sender.js",
            HYCO_HTTPS: "http_listener.js", HYCO_WS: "ws_listener.js"}  # fmt: skip
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True)
class Case:
    """``place``: what is wrong with a client's place. ``statuses``: of a handshake; the first is our emulator's."""

    id: str
    place: Callable[[Place], Place]
    statuses: tuple[int, ...]
    http_statuses: tuple[int, ...] = ()  # of an HTTP request, where they differ


def _as_listener(place: Place) -> Place:
    return replace(place, send_name=place.listen_name, send_key=place.listen_key)


def _as_sender(place: Place) -> Place:
    return replace(place, listen_name=place.send_name, listen_key=place.send_key)


def _elsewhere(place: Place) -> Place:
    return replace(place, path=f"{place.path}-unknown")


def _where_nobody_listens(place: Place) -> Place:
    return place if real_place() else replace(place, path=EMPTY_PATH)  # no test here leaves a listener standing


SENDER_CASES = [
    Case("no-token", lambda place: replace(place, send_key=""), (401,)),
    Case("wrong-key", lambda place: replace(place, send_key="another-key"), (401,)),
    Case("expired-token", lambda place: replace(place, life=-60), (401,)),
    Case("wrong-right", _as_listener, (403, 401)),
    Case("unknown-hybrid-connection", _elsewhere, (404, 401)),
    Case("no-listener", _where_nobody_listens, (404,), (502, 503, 404)),
]
LISTENER_CASES = [
    Case("malformed-token", lambda place: replace(place, listen_key=""), (401,)),
    Case("wrong-key", lambda place: replace(place, listen_key="another-key"), (401,)),
    Case("expired-token", lambda place: replace(place, life=-60), (401,)),
    Case("wrong-right", _as_sender, (403, 401)),
    Case("unknown-hybrid-connection", _elsewhere, (404, 401)),
]


def _held(name: str, place: Place) -> contextlib.AbstractAsyncContextManager[NodePeer | None]:
    """A Node program that is used for several places, or nothing."""
    return NodePeer(PROGRAMS[name], place.authority) if name in PROGRAMS else contextlib.nullcontext()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("relay"), _held, _held)
    yield stage
    await stage.clear()


def _among(status: int, statuses: tuple[int, ...]) -> bool:
    return status in statuses if real_place() else status == statuses[0]


@pytest.mark.parametrize("case", SENDER_CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("who", [HYCO_HTTPS, OURS, PLAIN])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_http_sender_is_refused(stage: Stage, scheme: str, who: str, case: Case) -> None:
    _, peer = await stage.set(scheme, "nobody", "http sender")
    place = case.place(stage.place)
    if who == HYCO_HTTPS:
        outcome = await http_parties.NodeSender(peer, place).request(http_model.Call())
    else:
        async with http_parties.open_sender(who, place) as sender:
            outcome = await sender.request(http_model.Call())
    assert outcome.refused
    assert _among(outcome.status, case.http_statuses or case.statuses), (outcome.status, outcome.reason)
    assert outcome.reason
    assert "sig=" not in outcome.reason + outcome.text


@pytest.mark.parametrize("case", SENDER_CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("who", [HYCO_WS, OURS])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_websocket_sender_is_refused(stage: Stage, scheme: str, who: str, case: Case) -> None:
    _, peer = await stage.set(scheme, "nobody", "ws sender")
    place = case.place(stage.place)
    sender = websocket_parties.NodeSender(peer, place) if who == HYCO_WS else websocket_parties.OurSender(place)
    with pytest.raises(Refused) as refused:
        await sender.connect()
    assert _among(refused.value.status, case.statuses)
    assert refused.value.reason


@pytest.mark.parametrize("case", LISTENER_CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("who", [HYCO_WS, HYCO_HTTPS])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_their_listener_is_refused(stage: Stage, scheme: str, who: str, case: Case) -> None:
    peer, _ = await stage.set(scheme, who, "nobody")
    answer = await peer.ask("listen", **case.place(stage.place).for_listener())
    assert any(str(status) in answer["error"] for status in (case.statuses if real_place() else case.statuses[:1]))


@pytest.mark.parametrize("case", LISTENER_CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_our_listener_is_refused(stage: Stage, scheme: str, case: Case) -> None:
    await stage.set(scheme, "nobody", "nobody")
    place = case.place(stage.place)
    told: asyncio.Queue[ListenerState] = asyncio.Queue()
    # Without a key there is no RelayListener; a token of nobody's stands for the malformed one.
    credential = StaticCredential((place if place.listen_key else replace(place, listen_key="x")).listen_token())
    connection = place.listen_string if place.listen_key else replace(place, listen_key="x").listen_string
    listener = RelayListener(
        connection, _nothing, credential=credential, ssl_context=place.ssl_context, state_changed=told.put_nowait
    )
    task = asyncio.create_task(listener.run())
    try:
        async with asyncio.timeout(DEADLINE):
            while not (reason := (await told.get()).reason):
                pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert any(f"({status})" in reason for status in (case.statuses if real_place() else case.statuses[:1])), reason


async def _nothing(stream: object) -> None:
    raise AssertionError("nobody was to be let in")


# --- refused by a listener --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rejection:
    """What a listener of ours says to those it does not take. Theirs cannot: both packages raise on that path."""

    id: str
    status: int
    words: str
    listening: Callable[[Place], contextlib.AbstractAsyncContextManager[object]]


REJECTIONS = [
    Rejection("busy", 503, "busy", lambda place: websocket_parties.our_listening(place, max_streams=0)),
    Rejection("http-only", 405, "HTTP requests only", http_parties.our_listening),
]


@pytest.mark.parametrize("rejection", REJECTIONS, ids=lambda rejection: rejection.id)
@pytest.mark.parametrize("who", [HYCO_WS, OURS])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_websocket_sender_is_rejected_by_our_listener(
    stage: Stage, scheme: str, who: str, rejection: Rejection
) -> None:
    _, peer = await stage.set(scheme, "nobody", "ws sender")
    place = stage.place
    sender = websocket_parties.NodeSender(peer, place) if who == HYCO_WS else websocket_parties.OurSender(place)
    async with rejection.listening(place):
        with pytest.raises(Refused) as refused:
            await sender.connect()
    assert refused.value.status == rejection.status
    assert rejection.words in refused.value.reason


@pytest.mark.parametrize("who", [HYCO_HTTPS, OURS, PLAIN])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_http_sender_is_told_that_our_listener_takes_streams_only(stage: Stage, scheme: str, who: str) -> None:
    _, peer = await stage.set(scheme, "nobody", "http sender")
    place = stage.place
    async with websocket_parties.our_listening(place), http_parties.open_sender(who, place) as opened:
        sender = http_parties.NodeSender(peer, place) if who == HYCO_HTTPS else opened
        outcome = await sender.request(http_model.Call())
        large = await sender.request(http_model.Call("POST", size=70_000))
    for each in (outcome, large):
        assert not each.refused, "it is the listener's own answer"
        assert each.status == 501
        assert "only WebSocket" in each.text
