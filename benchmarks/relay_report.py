"""The relay's part of the page: tables, how each was measured, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.figures import Spread, bullets, markdown_table, number, ratio, spread, times
from benchmarks.relay_bad_days import HEALTHY_IN_FLIGHT, BadDayFigure
from benchmarks.relay_http import BODIES_IN_FLIGHT, RelayHttp, RequestFigure
from benchmarks.relay_memory import RelayMemory
from benchmarks.relay_streams import RelayStreams
from benchmarks.sizes import Size

WAYS = {
    "hyco-https": "hyco-https, Node's client",
    "hyco-ws": "hyco-ws, both ends",
    "mixed": "our listener, Node's client",
    "ours": "our listener, our sender",
    "session": "one sealed session, ours",
    "direct-node": "Node's server, no relay",
    "direct-ours": "our handler, no relay",
}
KINDS = {
    "slow_heads": "heads of one byte a second",
    "half_open": "sockets that say nothing",
    "junk": "junk connections a second",
    "unread_streams": "streams whose listener does not read",
    "unread_answers": "endless answers that nobody reads",
    "unread_requests": "endless requests that nobody reads",
}


@dataclass
class RelayResults:
    """What was measured; ``None`` where it was left out. ``node_missing``: why Microsoft's clients are not in it."""

    http: RelayHttp | None = None
    streams: RelayStreams | None = None
    memory: RelayMemory | None = None
    bad_days: list[BadDayFigure] | None = None
    node_missing: str = ""
    node_versions: str = ""


def relay_section(results: RelayResults, size: Size) -> str:
    parts = [_head(results, size)]
    if results.http is not None:
        parts.append(_http(results.http, size))
        parts.append(_bodies(results.http))
    if results.streams is not None:
        parts.append(_streams(results.streams))
    if results.http is not None or results.streams is not None:
        parts.append(_first(results))
    if results.memory is not None:
        parts.append(_memory(results.memory))
    if results.bad_days is not None:
        parts.append(_bad_days(results.bad_days, size))
    return "\n\n".join(parts)


def _head(results: RelayResults, size: Size) -> str:
    missing = f"\n\n**Microsoft's clients are left out:** {results.node_missing}." if results.node_missing else ""
    versions = f" ({results.node_versions})" if results.node_versions else ""
    return f"""\
## The relay

Everything here goes through the same `sightline-relay`, over plain `ws://` and `http://`, in one run: Microsoft's Node
clients{versions} beside our listener and sender, {size.relay_rounds} rounds of {size.relay_seconds:g} s
for each figure in which the ways take turns. Relay, senders and listeners are programs that share the cores: where all
are busy, a rate says what the CPU of all together allows, and **CPU for each request is the better figure**. It is what
each process spent in a window, divided by what was done in it. Relay, listener and sender run on uvloop, as they do
wherever it is installed; Node on libuv, the same library.{missing}"""


_HEAD = ["in flight", "way", "a second", "p50 ms", "p99 ms", "sender µs", "relay µs", "listener µs", "failed"]


def _rows(rows: Iterable[RequestFigure]) -> str:
    return markdown_table(
        _HEAD,
        [
            [
                str(row.in_flight), WAYS[row.way], spread(row.rate), spread(row.p50), spread(row.p99),
                number(row.sender_cpu), number(row.relay_cpu), number(row.listener_cpu), str(row.failed),
            ]
            for row in rows
        ],
    )  # fmt: skip


def _by(rows: Iterable[RequestFigure]) -> dict[tuple[str, int], RequestFigure]:
    return {(row.way, row.in_flight): row for row in rows}


def _http(figures: RelayHttp, size: Size) -> str:
    by = _by(figures.requests)
    readings = []
    for in_flight in size.in_flight:
        ours, session = by["ours", in_flight], by["session", in_flight]
        hyco = by.get(("hyco-https", in_flight))
        line = f"**{in_flight} in flight:** "
        if hyco is not None:
            line += (
                f"ours carries {times(ours.rate.median, hyco.rate.median)} the requests of hyco-https "
                f"({_total(ours)} against {_total(hyco)} µs of CPU a request in all three processes), one session "
                f"{times(session.rate.median, hyco.rate.median)} as many. "
            )
        else:
            line += f"one session carries {times(session.rate.median, ours.rate.median)} the requests of HTTP. "
        direct = by["direct-ours", in_flight]
        line += f"Without a relay it would be {times(direct.rate.median, ours.rate.median)} the requests of ours"
        node = by.get(("direct-node", in_flight))
        if node is not None and hyco is not None:
            line += f", {times(node.rate.median, hyco.rate.median)} those of hyco-https"
        readings.append(line + ".")
    return f"""\
### Requests of 200 bytes

`GET` with keep-alive; the answer has 200 bytes.

{_rows(figures.requests)}

- *our listener, Node's client*: what the listener alone changes.
- *one sealed session*: requests and answers of 200 bytes with a number each, over one stream under TLS 1.3; each
  request is a task of its own at the listener. What is sent in one turn of the event loop leaves as one message.
- *no relay*: the same handler behind a plain HTTP server, asked by the same sender.

{bullets(readings)}"""


def _total(row: RequestFigure) -> str:
    return number(row.sender_cpu + row.relay_cpu + row.listener_cpu)


def _bodies(figures: RelayHttp) -> str:
    rows = markdown_table(
        ["1 MB bodies", "way", "MB/s", "sender ms per MB", "relay ms per MB", "listener ms per MB", "failed"],
        [
            [
                "in requests" if row.direction == "up" else "in answers", WAYS[row.way], spread(row.rate),
                number(row.sender_cpu), number(row.relay_cpu), number(row.listener_cpu), str(row.failed),
            ]
            for row in figures.bodies
        ],
    )  # fmt: skip
    return f"""\
### Bodies of 1 MB

{BODIES_IN_FLIGHT} at a time. Each goes over a rendezvous socket of its own.

{rows}"""


def _streams(figures: RelayStreams) -> str:
    by = _by(figures.messages)
    readings = []
    for in_flight in dict.fromkeys(row.in_flight for row in figures.messages):
        ours, hyco = by["ours", in_flight], by.get(("hyco-ws", in_flight))
        line = f"**{in_flight} in flight:** the relay spends {number(ours.relay_cpu / 2)} µs of CPU on a message"
        if hyco is not None:
            line += f"; ours carries {times(ours.rate.median, hyco.rate.median)} the messages of hyco-ws"
        readings.append(line + ".")
    return f"""\
### WebSocket messages of 200 bytes

On one stream; a message there and the same back count as one, so the relay carries two.

{_rows(figures.messages)}

{bullets(readings)}"""


def _first(results: RelayResults) -> str:
    rows = [
        [what, WAYS[row.way], spread(row.p50), spread(row.p99), number(row.relay_cpu), str(row.failed)]
        for what, figures in (("HTTP", results.http), ("stream", results.streams))
        if figures is not None
        for row in figures.first
    ]
    return f"""\
### From nothing to the first byte

A new TCP connection each time, one after the other: until the answer to an HTTP request has come, or the first message
of a stream is back.

{markdown_table(["", "way", "p50 ms", "p99 ms", "relay µs", "failed"], rows)}"""


def _memory(figures: RelayMemory) -> str:
    idle = figures.idle
    unread = markdown_table(
        ["ends that take nothing", "relay MiB before, half-way, at the end", "our listener MiB"],
        [
            [
                f"{row.count} {KINDS[row.kind]}, {row.seconds:.0f} s",
                ", ".join(f"{mib:.1f}" for mib in row.relay),
                ", ".join(f"{mib:.1f}" for mib in row.listener),
            ]
            for row in figures.unread
        ],
    )
    growth = max(0.0, *(row.relay[2] - row.relay[1] for row in figures.unread))
    return f"""\
### Memory of the relay

{idle.sockets:,} joined streams on which nothing happens cost {number(idle.relay)} KiB each in the relay (two sockets
each), {number(idle.listener)} KiB in our listener and {number(idle.sender)} KiB in our sender.

Highest resident memory, in the first half of the time and in the second; the other side sends as fast as it is let:

{unread}

- **Flat:** in the second half the relay's memory grew by {number(growth)} MiB at most."""


def _bad_days(rows: Sequence[BadDayFigure], size: Size) -> str:
    lines = markdown_table(
        [
            "meanwhile", "p95 ms before", "p95 ms", "times", "new connection: p95 ms before", "p95 ms", "times",
            "failed", "relay MiB before", "relay MiB", "attacker's cores",
        ],
        [
            [
                f"{row.count:,} {KINDS[row.kind]}" + _fewer(row),
                spread(row.p95_before), spread(row.p95), _ratio(row.p95, row.p95_before),
                spread(row.fresh_before), spread(row.fresh), _ratio(row.fresh, row.fresh_before),
                str(row.failed), f"{row.relay_before:.0f}", f"{row.relay:.0f}", f"{row.cpu:.2f}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    worst = max(rows, key=lambda row: ratio(row.p95.median, row.p95_before.median))
    return f"""\
### Bad days

What healthy requests (200 bytes, {HEALTHY_IN_FLIGHT} in flight on kept connections, then one at a time on a new
connection each) feel while others misbehave, against the same just before. Rounds: {size.bad_day_rounds}. The attacker
is a program of its own on the same cores.

{lines}

- **Worst:** {_ratio(worst.p95, worst.p95_before)} times the p95 of a quiet day, with {KINDS[worst.kind]}."""


def _fewer(row: BadDayFigure) -> str:
    return f" ({row.held:,} let in)" if row.kind != "junk" and row.held < row.count else ""


def _ratio(during: Spread, before: Spread) -> str:
    return number(ratio(during.median, before.median))
