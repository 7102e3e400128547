"""Made-up texts, headers, steps, tokens and addresses for the fuzz tests: many are valid ones with some damage done."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from relay_bridge.protocol.sas import create_token

HOST = "contoso.servicebus.windows.net"
KEY = "yLsTJ1ttU3bS2qX0Qk9o6h0cK1m7d2x8v4n5b6a7c8E="  # made up
SECRET = "q83vEjRWeJq83vEjRWeJq83vEjRWeJq80"  # stands in the inputs where keys and tokens stand

PIECES = [
    *('"', "}", "{", "[", ",", ":", "null", "true", "-1", "1e999", "\\u0000", "\\ud800"),
    *("%", "%2", "%2f", "%00", "&", "=", ";", "/", "//", "..", "?", "#", "@", "$hc", "sb-hc-", "+"),
    *(" ", "\r\n", "\x00", "\x7f", "ä", "\udfff", "²"),
]


@st.composite
def damaged(draw, valid: st.SearchStrategy[str]) -> str:
    """A valid text in which a few places were overwritten, doubled or cut out."""
    text = draw(valid)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        middle = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[start:end] * 2))
        text = text[:start] + middle + text[end:]
    return text


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.text("ab-Z0._~", min_size=1, max_size=6) | st.sampled_from(["Host", "Via", "Set-Cookie", "Connection", "0"])
values = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", min_codepoint=32), max_size=10)
ids = st.sampled_from(["1", "2", "0c5c_G1"])
rendezvous_addresses = st.sampled_from(
    [
        f"wss://{HOST}:443/$hc/sites/north/a%2fb?x=1&sb-hc-action=request&sb-hc-id=7_G1",
        f"wss://g63-{HOST}/$hc/Sites/North?sb-hc-action=accept&sb-hc-id=7_G1_G2",
        "wss://g63.servicebus.windows.net:443/$hc/sites/north/?sb-hc-action=accept",
    ]
)


def request_text(identifier: str, has_body: bool, headers: dict[str, str], address: str = "ws://h/$hc/a") -> str:
    return json.dumps(
        {
            "request": {
                "address": address,
                "id": identifier,
                "requestTarget": "/sites/north/a?b=1",
                "method": "POST",
                "requestHeaders": headers,
                "remoteEndpoint": {"address": "10.0.0.7", "port": 5000},
                "body": has_body,
            }
        }
    )


accepts = st.builds(
    lambda address, headers: json.dumps({"accept": {"address": address, "id": "7", "connectHeaders": headers}}),
    rendezvous_addresses,
    st.dictionaries(names, values, max_size=2),
)
requests = st.builds(request_text, ids, st.booleans(), st.dictionaries(names, values, max_size=2), rendezvous_addresses)
pointers = rendezvous_addresses.map(lambda address: json.dumps({"request": {"address": address}}))
responses = st.builds(
    lambda identifier, status, headers, body: json.dumps(
        {"response": {"requestId": identifier, "statusCode": status, "responseHeaders": headers, "body": body}}
    ),
    ids,
    st.integers(100, 999) | st.sampled_from(["200", "404"]),
    st.dictionaries(names, values, max_size=2),
    st.booleans() | st.none(),
)
loose = st.dictionaries(
    st.sampled_from(["address", "id", "method", "requestTarget", "body", "requestHeaders", "connectHeaders"]),
    json_values | rendezvous_addresses,
).flatmap(
    lambda fields: st.sampled_from(["accept", "request", "response", "x"]).map(lambda key: json.dumps({key: fields}))
)
commands = damaged(accepts | requests | pointers) | loose | json_values.map(json.dumps) | st.text(max_size=40)

pairs = st.lists(st.tuples(names | st.text(max_size=4), values | st.text(max_size=6)), max_size=4)


def controls() -> st.SearchStrategy[list[tuple[str, object]]]:
    return st.lists(
        st.one_of(
            st.tuples(st.just("text"), requests),
            st.tuples(st.just("text"), commands),
            st.tuples(st.just("binary"), st.binary(max_size=6) | st.sampled_from([65_536, 65_537]).map(bytes)),
            st.tuples(st.just("later"), st.sampled_from([0.0, 0.5, 1.5, 59.0, 60.0])),
            st.tuples(st.just("pong"), st.none()),
            st.tuples(st.just("sent"), st.sampled_from([None, 0.0, 5.0])),
        ),
        max_size=12,
    )


exchange_steps = st.lists(
    st.one_of(
        st.tuples(st.just("text"), requests),
        st.tuples(st.just("text"), commands),
        st.tuples(st.just("binary"), st.tuples(st.binary(max_size=4), st.booleans())),
        st.tuples(st.just("respond"), st.tuples(ids, st.sampled_from([200, 204, 99]), st.booleans())),
        st.tuples(st.just("send"), st.tuples(st.binary(max_size=4), st.booleans())),
    ),
    max_size=12,
)

resources = st.sampled_from([f"http://{HOST}/hyco", f"http://{HOST}:443/HYCO/", f"sb://{HOST}", "http://[::1]/a"])
tokens = st.builds(
    lambda resource, name: create_token(resource, name, KEY, 1_800_000_000), resources, st.text(min_size=1, max_size=6)
)
plain = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";"), min_size=1, max_size=12)
connection_strings = st.sampled_from(
    [
        f"Endpoint=sb://{HOST}/;EntityPath=sites/north;SharedAccessKeyName=listen;SharedAccessKey={SECRET}=",
        f"Endpoint=sb://[::1]:9400;EntityPath=a;SharedAccessSignature={SECRET};UseDevelopmentEmulator=true",
        f"Endpoint=sb://{HOST}:443/;Authentication=Managed Identity;OperationTimeout=00:01:30",
    ]
)

queries = damaged(
    st.lists(
        st.sampled_from(["a=1", "", "a", "b=%2f+%20", f"sb-hc-token={SECRET}", "SB-HC-Id=7", "sb-hc-x", "sb%2Dhc-y=1"]),
        max_size=5,
    ).map("&".join)
)
