"""Made-up heads, responses, frames and configurations for the fuzz tests.

What is close to the real thing finds more than noise.
"""

from __future__ import annotations

import itertools
import json

from hypothesis import strategies as st

from tests.relay_bridge.emulator.support import NORTH, OPEN

words = st.sampled_from(
    ["GET", "POST", "/", NORTH, OPEN, "$hc", "%24hc", "..", "?", "&", "=", "sb-hc-action=", "listen", "connect",
     "accept", "request", "sb-hc-id=", "sb-hc-token=", "SB-HC-x", "sb%2Dhc-token=a", "sb-hc-statusCode=", "404", " ",
     "%", "%zz", "+", "ü", "\x00", "\r\n", "HTTP/1.1", "a" * 300]
)  # fmt: skip
mixed = st.lists(words | st.text(max_size=5), max_size=12).map("".join)
targets = st.one_of(mixed, mixed.map("/".__add__), mixed.map(f"/$hc/{NORTH}?".__add__), mixed.map(f"/{OPEN}?".__add__))
header_names = st.sampled_from(
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "Authorization", "Via", "TE",
     "ServiceBusAuthorization", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol", "X-PROCESS-AT",
     "Microsoft-Relay-AllowedListeners", "0"]
) | st.text(max_size=8)  # fmt: skip
header_values = st.sampled_from(
    ["127.0.0.1", "relay:1", "0", "3", "70000", "-1", "chunked", "close", "keep-alive", "Upgrade", "websocket", "13",
     "100-continue", "dGhlIHNhbXBsZSBub25jZQ==", "ServiceBus", "listener-1", "a, b"]
) | mixed  # fmt: skip
heads = st.builds(
    lambda method, target, version, headers: "\r\n".join(
        (f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers))
    ).encode("utf-8", "surrogatepass"),
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "CONNECT", "x"]) | st.text(max_size=4),
    targets,
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http/1.1", ""]),
    st.lists(st.tuples(header_names, header_values), max_size=8),
)
cuts = st.lists(st.integers(min_value=0, max_value=400), max_size=4)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
statuses = st.sampled_from([200, 204, 304, 404, 502, 999, 99, 1000, "200", "x", None]) | scalars
responses = st.fixed_dictionaries(
    {},
    optional={
        "requestId": st.sampled_from(["1", "{id}", ""]) | scalars,
        "statusCode": statuses,
        "statusDescription": scalars,
        "responseHeaders": st.dictionaries(header_names, header_values | scalars, max_size=4) | trees,
        "body": st.booleans() | trees,
    },
)
commands = st.one_of(
    responses.map(lambda content: {"response": content}),
    trees.map(lambda content: {"renewToken": content}),
    st.fixed_dictionaries({"renewToken": st.fixed_dictionaries({"token": scalars})}),
    trees,
).map(json.dumps)
texts = st.one_of(commands, st.text(max_size=40)).map(lambda text: text.encode("utf-8", "surrogatepass"))

frames = st.builds(
    lambda opcode, fin, payload, masked, reserved: _frame(opcode, fin, payload, masked=masked, reserved=reserved),
    st.sampled_from([0, 1, 2, 8, 9, 10, 3, 15]),
    st.booleans(),
    st.one_of(texts, st.binary(max_size=40), st.sampled_from([b"", b"\x03\xe8", b"\x00", bytes(200), bytes(70_000)])),
    st.sampled_from([True, True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 0x40]),
)
streams = st.lists(st.one_of(frames, frames, st.binary(max_size=20)), max_size=6).map(b"".join)


def _frame(opcode: int, fin: bool, payload: bytes, *, masked: bool, reserved: int) -> bytes:
    first, mask = (0x80 if fin else 0) | reserved | opcode, 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes((first, mask | size))
    elif size < 65_536:
        head = bytes((first, mask | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask | 127)) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    """``data`` cut at ``places``."""
    edges = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


chunked = st.lists(st.binary(max_size=30), max_size=4).map(
    lambda parts: b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
)

entries = st.dictionaries(st.sampled_from(["path", "name", "rights", "rule"]), scalars, max_size=3)
documents = st.dictionaries(
    st.sampled_from(["hybrid_connection", "rule", "behaviour", "management"]) | st.text(max_size=4),
    scalars | st.lists(entries, max_size=2),
    max_size=3,
)
