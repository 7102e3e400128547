"""The HTTP rows: what passes between one listener and one sender, whoever wrote them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.conformance.bodies import MEGABYTE, body, digest
from tests.conformance.cases import OURS
from tests.conformance.http_model import HEADERS, Answer, Call, Listener, Outcome, Seen, Sender, new_row

HYCO, PLAIN = "hyco-https", "plain"
PLAIN_ANSWER = Answer()
SIZES = (0, 1, 65_535, 65_536, 65_537, 5 * MEGABYTE)
NAMES = {5 * MEGABYTE: "5MB"}
BODILESS = (204, 304)
# Never carried, or the relay's alone: none of them may reach a listener.
KEPT_BACK = {
    "connection", "content-length", "te", "trailer", "transfer-encoding", "upgrade", "close", "servicebusauthorization",
}  # fmt: skip

Check = Callable[[Listener, Sender], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """``listeners``, ``senders``: who can do it at all; for the others the reason is in docs/conformance.md."""

    id: str
    check: Check
    listeners: frozenset[str] = frozenset({HYCO, OURS})
    senders: frozenset[str] = frozenset({HYCO, OURS, PLAIN})
    emulator: str = ""  # why it cannot run at a real namespace


ROWS: list[Row] = []


def row(identifier: str, **only: Any) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        ROWS.append(Row(identifier, check, **only))
        return check

    return add


async def exchange(
    listener: Listener, sender: Sender, call: Call, answer: Answer = PLAIN_ANSWER, target: str | None = None
) -> tuple[Seen, Outcome]:
    """One request and its response; what every row demands of both. ``target``: what the listener is told, if other."""
    name = new_row()
    await listener.plan(name, answer)
    outcome = await sender.request(replace(call, headers=(*call.headers, ("X-Row", name))))
    assert not outcome.refused, f"the relay answered itself: {outcome.status} {outcome.reason}"
    seen = await listener.seen(name)
    assert seen.method == call.method
    _, separator, beyond = seen.target.partition(listener.path)
    assert (separator, beyond) == (listener.path, call.target if target is None else target)
    assert (seen.size, seen.digest) == (call.size, digest(body(call.size)))
    assert "1.1 " in seen.headers["via"]
    assert not KEPT_BACK & set(seen.headers)
    assert outcome.status == answer.status
    if answer.reason:
        assert outcome.reason == answer.reason
    assert any("1.1 " in via for via in outcome.all("via"))
    size = 0 if call.method == "HEAD" or answer.status in BODILESS else answer.size
    assert (outcome.size, outcome.digest) == (size, digest(body(size)))
    return seen, outcome


def simple(identifier: str, call: Call, answer: Answer = PLAIN_ANSWER, target: str | None = None, **only: Any) -> None:
    """A row that is one exchange and nothing more."""

    async def check(listener: Listener, sender: Sender) -> None:
        await exchange(listener, sender, call, answer, target)

    row(identifier, **only)(check)


# --- bodies -----------------------------------------------------------------------------------------------------------

for _size in SIZES:
    _name = NAMES.get(_size, str(_size))
    simple(f"request-body-{_name}", Call("POST", size=_size, sized=True))
    simple(f"response-body-{_name}", Call(), Answer(size=_size))
for _size in SIZES[1:]:
    _name = NAMES.get(_size, str(_size))
    simple(f"request-chunked-{_name}", Call("POST", size=_size, pieces=9))
    simple(f"response-in-pieces-{_name}", Call(), Answer(size=_size, pieces=9))
simple("request-chunked-and-empty", Call("POST", pieces=1))
simple("response-in-pieces-and-empty", Call(), Answer(pieces=1))
simple("bodies-65537-both-ways", Call("POST", size=65_537), Answer(size=65_537))
simple("bodies-5MB-both-ways", Call("POST", size=5 * MEGABYTE), Answer(size=5 * MEGABYTE))
simple("bodies-5MB-chunked-both-ways", Call("POST", size=5 * MEGABYTE, pieces=50), Answer(size=5 * MEGABYTE, pieces=50))
simple("large-request-small-response", Call("POST", size=70_000), Answer(size=10))
simple("large-request-empty-response-in-pieces", Call("POST", size=70_000), Answer(pieces=1))
simple("large-request-404", Call("POST", size=70_000), Answer(404, size=10))
simple("large-request-204", Call("POST", size=70_000), Answer(204))
# A sender of ours leaves it to the relay when it may send; it never asks first.
simple("expect-100-continue", Call("POST", headers=(("Expect", "100-continue"),), size=1_000),
       senders=frozenset({HYCO, PLAIN}))  # fmt: skip

# --- methods ----------------------------------------------------------------------------------------------------------

for _method in ("GET", "DELETE", "OPTIONS", "PROPFIND", "PURGE", "BREW"):
    simple(f"method-{_method}", Call(_method), Answer(size=10))
for _method in ("POST", "PUT", "PATCH", "DELETE", "GET", "BREW"):
    simple(f"method-{_method}-with-body", Call(_method, size=10), Answer(size=10))


@row("method-HEAD")
async def _head(listener: Listener, sender: Sender) -> None:
    _, outcome = await exchange(listener, sender, Call("HEAD"), Answer(headers=(("X-Kept", "1"),)))
    assert outcome.all("x-kept") == ["1"]
    await exchange(listener, sender, Call(), Answer(size=10))  # nothing of it is left on the connection


@row("method-HEAD-answered-with-a-body")
async def _head_with_body(listener: Listener, sender: Sender) -> None:
    await exchange(listener, sender, Call("HEAD"), Answer(size=1_000))
    await exchange(listener, sender, Call(), Answer(size=10))


@row("method-HEAD-answered-with-70000-bytes")
async def _head_with_large_body(listener: Listener, sender: Sender) -> None:
    await exchange(listener, sender, Call("HEAD"), Answer(size=70_000))
    await exchange(listener, sender, Call(), Answer(size=10))


# --- statuses ---------------------------------------------------------------------------------------------------------


def _status(status: int, size: int) -> Check:
    async def check(listener: Listener, sender: Sender) -> None:
        await exchange(listener, sender, Call(), Answer(status, size=size))
        await exchange(listener, sender, Call(), Answer(size=10))

    return check


for _code in (201, 204, 206, 301, 304, 400, 401, 403, 404, 408, 418, 429, 500, 502, 503, 504, 599):
    row(f"status-{_code}")(_status(_code, 0 if _code in BODILESS else 10))
# hyco-https sends no answer at all then.
row("status-204-answered-with-a-body", listeners=frozenset({OURS}))(_status(204, 10))
simple("reason-phrase", Call(), Answer(404, "No such tank"))

# --- headers ----------------------------------------------------------------------------------------------------------

MANY: HEADERS = tuple((f"X-Many-{number}", f"value {number} ".ljust(50, "v")) for number in range(100))


@row("request-headers-100")
async def _many_up(listener: Listener, sender: Sender) -> None:
    seen, _ = await exchange(listener, sender, Call(headers=MANY))
    for name, value in MANY:
        assert seen.headers[name.lower()] == value


@row("response-headers-100")
async def _many_down(listener: Listener, sender: Sender) -> None:
    _, outcome = await exchange(listener, sender, Call(), Answer(headers=MANY))
    for name, value in MANY:
        assert outcome.all(name) == [value]


@row("request-header-repeated")
async def _repeated_up(listener: Listener, sender: Sender) -> None:
    call = Call(headers=(("X-Twice", "one"), ("X-Once", "1"), ("X-Twice", "two")))
    seen, _ = await exchange(listener, sender, call)
    assert seen.headers["x-twice"] == "one, two"
    assert seen.headers["x-once"] == "1"


@row("response-header-repeated")
async def _repeated_down(listener: Listener, sender: Sender) -> None:
    answer = Answer(headers=(("X-Twice", "one"), ("X-Twice", "two")))
    _, outcome = await exchange(listener, sender, Call(), answer)
    # hyco-https sends the first value only; the protocol has room for one text.
    assert outcome.all("x-twice") == (["one"] if listener.name == HYCO else ["one, two"])


@row("set-cookie")
async def _cookie(listener: Listener, sender: Sender) -> None:
    cookie = "id=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Path=/"
    _, outcome = await exchange(listener, sender, Call(), Answer(headers=(("Set-Cookie", cookie),)))
    assert outcome.all("set-cookie") == [cookie]


@row("cookie-and-usual-headers")
async def _usual(listener: Listener, sender: Sender) -> None:
    headers = (
        ("Cookie", "a=1; b=2"), ("Accept", "*/*"), ("Content-Type", "text/plain"), ("User-Agent", "conformance/1"),
        ("If-None-Match", '"abc"'), ("X-Empty", ""), ("X-Signs", "a=b; c=\"d,e\" <f> {g}"),
    )  # fmt: skip
    seen, _ = await exchange(listener, sender, Call("POST", headers=headers, size=3))
    for name, value in headers:
        assert seen.headers[name.lower()] == value


@row("connection-headers-of-a-response-are-dropped")
async def _connection_headers(listener: Listener, sender: Sender) -> None:
    answer = Answer(headers=(("Connection", "x-gone"), ("Upgrade", "h2c"), ("X-Kept", "1")), size=10)
    _, outcome = await exchange(listener, sender, Call(), answer)
    assert outcome.all("x-kept") == ["1"]
    assert outcome.all("upgrade") == []
    assert "x-gone" not in outcome.all("connection")


# --- many at once -----------------------------------------------------------------------------------------------------


@row("50-at-once")
async def _concurrent(listener: Listener, sender: Sender) -> None:
    calls = [exchange(listener, sender, Call("POST", f"/{n}", size=n * 100), Answer(size=5_000 - n)) for n in range(50)]
    await asyncio.gather(*calls)


@row("50-at-once-small-and-large-mixed")
async def _concurrent_mixed(listener: Listener, sender: Sender) -> None:
    sizes = (10, 65_536, 65_537, 100_000, 0)
    calls = [
        exchange(
            listener,
            sender,
            Call("POST", f"/{n}", size=sizes[n % 5], pieces=n % 3),
            Answer(size=sizes[n // 5 % 5], pieces=n % 2),
        )
        for n in range(50)
    ]
    await asyncio.gather(*calls)


@row("20-one-after-another")
async def _in_turn(listener: Listener, sender: Sender) -> None:
    for n in range(20):
        await exchange(listener, sender, Call(target=f"/{n}"), Answer(size=n))


# --- the target -------------------------------------------------------------------------------------------------------

# As the sender writes it, and as the listener is told. One text: both the same.
TARGETS: dict[str, tuple[str, ...]] = {
    "slash": ("/",),
    "suffix": ("/a/b/c",),
    "suffix-with-slash-at-the-end": ("/a/",),
    "empty-segments": ("/a//b///c",),
    "escaped-slashes": ("/a%2fb%2Fc",),
    "escaped-utf8": ("/%C3%B8/%20",),
    "odd-but-legal": ("/a;p=1,2/!$'()*+~._-:@",),
    "query": ("?a=1&b=2",),
    "query-order-and-repeats": ("/x?b=2&a=1&b=1&B=3",),
    "query-empty-pieces": ("?&&&",),
    "query-ends-with-ampersand": ("?a=1&",),
    "query-without-equals": ("?a&b=&=c&==",),
    "query-plus-and-escapes": ("?q=1+2%2B3%20%2f%2F%26",),
    "query-with-slashes-and-question-marks": ("?q=a/b?c&d=??",),
    "query-is-a-relay-name-without-equals": ("?sb-hc-undefined",),
    "query-relay-name-with-equals-goes": ("?sb-hc-x=", ""),
    "query-relay-name-in-the-middle-goes": ("/s?a=1&sb-hc-id=abc&b=2", "/s?a=1&b=2"),
    "query-relay-name-before-an-empty-piece": ("?sb-hc-x=1&&b", "?&b"),
    "query-relay-name-in-capitals-goes": ("?SB-HC-X=1&b=2", "?b=2"),
    "query-name-like-a-relay-name": ("?sb-hcx=1&xsb-hc-a=2",),
    "long": ("/" + "long" * 300 + "?" + "q=1&" * 300,),
}
for _name, _texts in TARGETS.items():
    simple(f"target-{_name}", Call(target=_texts[0]), target=_texts[-1])
# A reader of queries would decode it, so an escaped token must not slip through either.
simple("target-query-escaped-relay-name-goes", Call(target="?%73b-hc-x=1&a"), target="?a",
       emulator="whether the service takes an escaped name for its own is not described")  # fmt: skip
simple("target-by-rendezvous", Call("POST", "/a%2fb?&&sb-hc-x=1&c", size=70_000), target="/a%2fb?&&c")

# --- where the token stands -------------------------------------------------------------------------------------------

NOT_OURS = {"senders": frozenset({HYCO, PLAIN})}  # ours sends it in ServiceBusAuthorization, and never in an address
simple("token-alone-in-the-query", Call(target="?sb-hc-token={token}", token_in=""), target="", **NOT_OURS)
simple("token-first-in-the-query", Call(target="/s?sb-hc-token={token}&b=2", token_in=""), target="/s?b=2", **NOT_OURS)
simple("token-amid-the-query", Call(target="?a&sb-hc-token={token}&b", token_in=""), target="?a&b", **NOT_OURS)
simple("token-last-in-the-query", Call(target="?a=1&sb-hc-token={token}", token_in=""), target="?a=1", **NOT_OURS)
simple("token-in-query-and-header", Call(target="?sb-hc-token={token}"), target="", **NOT_OURS)


@row("token-in-Authorization", **NOT_OURS)
async def _authorization_taken(listener: Listener, sender: Sender) -> None:
    seen, _ = await exchange(listener, sender, Call(token_in="Authorization"))
    assert "authorization" not in seen.headers


@row("Authorization-beside-the-token-is-the-listeners")
async def _authorization_passes(listener: Listener, sender: Sender) -> None:
    seen, _ = await exchange(listener, sender, Call(headers=(("Authorization", "Bearer end-to-end"),)))
    assert seen.headers["authorization"] == "Bearer end-to-end"
