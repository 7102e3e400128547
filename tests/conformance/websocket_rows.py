"""The WebSocket rows: what passes between one listener and one sender, whoever wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.bodies import MEGABYTE, body, digest, text
from tests.conformance.websocket_model import (
    BY_DEFAULT,
    Call,
    Close,
    Kind,
    Listener,
    Message,
    Plan,
    Refused,
    Sender,
)

SIZES = (0, 1, 125, 126, 65_535, 65_536)
MANY = 100  # messages in order
HYCO, OURS = "hyco-ws", "ours"

Check = Callable[[Listener, Sender], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """``listeners``, ``senders``: who can do it at all; for the others the reason is in docs/conformance.md."""

    id: str
    check: Check
    listeners: frozenset[str] = frozenset({HYCO, OURS})
    senders: frozenset[str] = frozenset({HYCO, OURS})
    emulator: str = ""  # why it cannot run at a real namespace


ROWS: list[Row] = []


def row(identifier: str, **only: Any) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        ROWS.append(Row(identifier, check, **only))
        return check

    return add


def message(kind: Kind, size: int) -> Message:
    return Message(kind, size, digest(body(size) if kind == "binary" else text(size)))


# --- messages ---------------------------------------------------------------------------------------------------------


def _echoes(kind: Kind, size: int) -> Check:
    async def check(listener: Listener, sender: Sender) -> None:
        link = await listener.plan(Plan("echo"))
        socket = await sender.connect()
        await socket.send(kind, size)
        assert await socket.receive() == [message(kind, size)]
        await socket.close()
        assert (await listener.ended(link)).messages == [message(kind, size)]

    return check


for _size in SIZES:
    row(f"binary-{_size}")(_echoes("binary", _size))
    row(f"text-{_size}")(_echoes("text", _size))
row("binary-1MB")(_echoes("binary", MEGABYTE))
row("text-1MB")(_echoes("text", MEGABYTE))


@row("text-and-binary-in-turn")
async def _both_kinds(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("echo"))
    socket = await sender.connect()
    kinds: tuple[Kind, ...] = ("text", "binary", "binary", "text")
    for size, kind in enumerate(kinds, 10):
        await socket.send(kind, size)
    assert await socket.receive(4) == [message(kind, size) for size, kind in enumerate(kinds, 10)]
    await socket.close()
    await listener.ended(link)


@row("1MB-in-pieces-of-64KB")
async def _megabyte(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("echo"))
    socket = await sender.connect()
    for _ in range(16):
        await socket.send("binary", 65_536)
    assert await socket.receive(16) == [message("binary", 65_536)] * 16
    await socket.close()
    await listener.ended(link)


@row("100-messages-in-order-up")
async def _many_up(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect()
    await socket.send("binary", 1_000, MANY)
    await socket.close()
    assert (await listener.ended(link)).messages == [message("binary", 1_000 + i) for i in range(MANY)]


@row("100-messages-in-order-down")
async def _many_down(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("burst", count=MANY, size=1_000))
    socket = await sender.connect()
    assert await socket.receive(MANY) == [message("binary", 1_000 + i) for i in range(MANY)]
    await socket.close()
    await listener.ended(link)


@row("20-streams-at-once")
async def _streams(listener: Listener, sender: Sender) -> None:
    links = [await listener.plan(Plan("echo")) for _ in range(20)]
    sockets = await asyncio.gather(*(sender.connect() for _ in links))
    for number, socket in enumerate(sockets):
        await socket.send("binary", 5_000 + number)
    for number, socket in enumerate(sockets):
        assert await socket.receive() == [message("binary", 5_000 + number)]
    for socket in sockets:
        await socket.close()
    for link in links:
        assert len((await listener.ended(link)).messages) == 1


@row("ping-of-the-sender-is-answered")
async def _ping_up(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("echo"))
    socket = await sender.connect()
    await socket.ping()
    await socket.close()
    await listener.ended(link)


@row("ping-of-the-listener-is-answered")
async def _ping_down(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("ping"))
    socket = await sender.connect()
    pong = "pong are you there"
    assert await socket.receive() == [Message("text", len(pong), digest(pong))]
    await socket.close()
    await listener.ended(link)


# --- the end ----------------------------------------------------------------------------------------------------------

CLOSES = ((1000, ""), (1000, "done"), (1001, "going away"), (1011, "it broke"), (3000, "registered"), (4999, "é" * 61))


def _sender_closes(code: int, reason: str) -> Check:
    async def check(listener: Listener, sender: Sender) -> None:
        link = await listener.plan(Plan("sink"))
        socket = await sender.connect()
        await socket.close(code, reason)
        assert (await listener.ended(link)).close == Close(code, reason)

    return check


def _listener_closes(code: int, reason: str) -> Check:
    async def check(listener: Listener, sender: Sender) -> None:
        link = await listener.plan(Plan("close-on-message", code, reason))
        socket = await sender.connect()
        await socket.send("binary", 1)
        assert await socket.closed() == Close(code, reason)
        await listener.ended(link)

    return check


for _code, _reason in CLOSES:
    _name = f"{_code}{'-with-reason' if _reason else ''}"
    row(f"sender-closes-{_name}")(_sender_closes(_code, _reason))
    row(f"listener-closes-{_name}")(_listener_closes(_code, _reason))


@row("listener-closes-at-once")
async def _closes_at_once(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("close", 4000, "no time"))
    socket = await sender.connect()
    assert await socket.closed() == Close(4000, "no time")
    await listener.ended(link)


@row("all-that-was-sent-before-the-close-arrives")
async def _close_behind_data(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect()
    await socket.send("binary", 60_000, 20)
    await socket.close(1000, "that was all")
    ended = await listener.ended(link)
    assert ended.close == Close(1000, "that was all")
    assert ended.messages == [message("binary", 60_000 + i) for i in range(20)]


@row("one-direction-closed-the-other-still-carries", listeners=frozenset({HYCO}), senders=frozenset({HYCO}))
async def _half_close(listener: Listener, sender: Sender) -> None:
    # The listener has queued its burst when the sender's close frame reaches it: it answers the close after the burst.
    link = await listener.plan(Plan("burst-on-message", count=20, size=60_000))
    socket = await sender.connect()
    await socket.send("binary", 1)
    assert await socket.close(1000, "I say no more") == Close(1000, "I say no more")
    assert await socket.receive(20) == [message("binary", 60_000 + i) for i in range(20)]
    await listener.ended(link)


@row("listener-vanishes")
async def _vanishes(listener: Listener, sender: Sender) -> None:
    await listener.plan(Plan("drop"))
    socket = await sender.connect()
    assert (await socket.closed()).code in {1006, 1011, None}


# --- the address ------------------------------------------------------------------------------------------------------

# As the sender writes it: what the listener is told. Without a second text: the same.
TARGETS = {
    "no-more-than-the-path": ("",),
    "suffix": ("/a/b",),
    "query": ("?a=1&b=2",),
    "suffix-and-query": ("/a/b?x=1",),
    "escapes-as-written": ("/a%2fb%2Fc?x=%2f%2F%20+",),
    "repeated-names": ("?a=1&a=2&a=1",),
    "empty-pieces": ("/a?&&x=1&&",),
}


def _target(target: str) -> Check:
    async def check(listener: Listener, sender: Sender) -> None:
        link = await listener.plan(Plan("sink"))
        socket = await sender.connect(Call(target))
        assert (await listener.opened(link)).target == target
        await socket.close()
        await listener.ended(link)

    return check


for _name, (_as_written,) in TARGETS.items():
    row(f"target-{_name}")(_target(_as_written))


# --- subprotocols -----------------------------------------------------------------------------------------------------


@row("subprotocol-none-offered")
async def _no_protocol(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect()
    assert socket.protocol == ""
    assert (await listener.opened(link)).protocol == ""
    await socket.close()
    await listener.ended(link)


@row("subprotocol-the-first-offered-is-taken")
async def _first_protocol(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect(Call(protocols=("wamp", "mqtt")))
    assert socket.protocol == "wamp"
    assert (await listener.opened(link)).protocol == "wamp"
    await socket.close()
    await listener.ended(link)


@row("subprotocol-the-listener-does-not-know-the-first", listeners=frozenset({OURS}))
async def _second_protocol(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect(Call(protocols=("chat", "mqtt", "wamp")))
    assert socket.protocol == "mqtt"
    assert (await listener.opened(link)).protocol == "mqtt"
    await socket.close()
    await listener.ended(link)


async def _gives_up(listener: Listener, sender: Sender, *protocols: str) -> None:
    """The sender is told none when the listener names none; hyco-ws, which asked for one, then gives up."""
    link = await listener.plan(Plan("sink"))
    try:
        await sender.connect(Call(protocols=protocols))
    except Refused as refused:
        assert "no subprotocol" in refused.reason
    else:
        raise AssertionError("hyco-ws went on without the subprotocol it asked for")
    assert (await listener.opened(link)).protocol == ""


THEIRS_TO_OURS = {"listeners": frozenset({OURS}), "senders": frozenset({HYCO})}


@row("subprotocol-the-listener-knows-none", **THEIRS_TO_OURS)
async def _no_protocol_known(listener: Listener, sender: Sender) -> None:
    await _gives_up(listener, sender, "chat", "soap")


# --- ours by default: bytes, in messages of at most 128 KiB; it refuses the rest with a close code --------------------

THEIRS_TO_DEFAULT = {"listeners": frozenset({BY_DEFAULT}), "senders": frozenset({HYCO})}
DEFAULT_TO_THEIRS = {"listeners": frozenset({HYCO}), "senders": frozenset({BY_DEFAULT})}


@row("text-is-refused-by-a-listener-of-bytes", **THEIRS_TO_DEFAULT)
async def _text_refused(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect()
    await socket.send("text", 5)
    assert await socket.closed() == Close(1003, "binary messages only")
    assert (await listener.ended(link)).close.code == 1003


@row("text-is-refused-by-a-sender-of-bytes", **DEFAULT_TO_THEIRS)
async def _text_refused_down(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("burst", count=1, size=5, kind="text"))
    socket = await sender.connect()
    assert (await socket.closed()).code == 1003
    assert (await listener.ended(link)).close == Close(1003, "binary messages only")


@row("message-over-128KB-is-refused-by-a-listener-by-default", **THEIRS_TO_DEFAULT)
async def _large_refused(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect()
    await socket.send("binary", MEGABYTE)
    assert (await socket.closed()).code == 1009
    assert (await listener.ended(link)).messages == []


@row("message-over-128KB-is-refused-by-a-sender-by-default", **DEFAULT_TO_THEIRS)
async def _large_refused_down(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("burst", count=1, size=MEGABYTE))
    socket = await sender.connect()
    assert (await socket.closed()).code == 1009
    assert (await listener.ended(link)).close.code == 1009


@row("subprotocol-is-not-taken-by-a-listener-by-default", **THEIRS_TO_DEFAULT)
async def _protocol_not_taken(listener: Listener, sender: Sender) -> None:
    await _gives_up(listener, sender, "wamp", "mqtt")


# --- where the token stands -------------------------------------------------------------------------------------------


@row("token-in-the-query", senders=frozenset({HYCO}))
async def _token_in_query(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("echo"))
    socket = await sender.connect(Call("/a?x=1&sb-hc-token={token}&y=2", token_in=""))
    assert (await listener.opened(link)).target == "/a?x=1&y=2"
    await socket.close()
    await listener.ended(link)


@row("handshake-headers-reach-our-listener", **THEIRS_TO_OURS)
async def _handshake_headers(listener: Listener, sender: Sender) -> None:
    link = await listener.plan(Plan("sink"))
    socket = await sender.connect(Call(headers=(("X-Tag", "7"), ("Authorization", "Bearer end-to-end"))))
    headers = {name.lower(): value for name, value in (await listener.opened(link)).headers.items()}
    assert headers["x-tag"] == "7"
    assert headers["authorization"] == "Bearer end-to-end"
    assert "servicebusauthorization" not in headers
    await socket.close()
    await listener.ended(link)


@row("no-token", senders=frozenset({HYCO}))
async def _no_token(listener: Listener, sender: Sender) -> None:
    try:
        await sender.connect(Call(token_in=""))
    except Refused as refused:
        assert refused.status == 401
    else:
        raise AssertionError("a sender without a token was let in")
