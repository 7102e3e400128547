"""The relay seen from its clients: every row of the failure table for WebSocket, and what listeners are told."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import websockets

from relay_bridge.emulator.namespace import EmulatorConfig, Rule
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.support import (
    CONFIG,
    DEADLINE,
    NORTH,
    OPEN,
    RawPeer,
    Stream,
    auth,
    call,
    dial,
    eventually,
    handshake,
    listen,
    next_accept,
    sas,
)

CONNECT = f"/$hc/{NORTH}?sb-hc-action=connect"
LISTEN = f"/$hc/{NORTH}?sb-hc-action=listen"


# Refusals of a handshake (relay protocol, section 5)


@pytest.mark.parametrize("target", [LISTEN, CONNECT, f"/$hc/{NORTH}"])
@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("", "MissingToken"),
        ("nonsense", "MalformedToken"),
        ("eyJhbGciOiJub25lIn0.e30.", "MalformedToken"),
        (sas(key="guessed"), "token has an invalid signature"),
        (create_token(f"http://127.0.0.1/{NORTH}", "nobody", "send-primary", 4_000_000_000), "invalid signature"),
        (sas(life=-1), "ExpiredToken: The token is expired. Expiration time: "),
    ],
)
async def test_bad_token_is_401(emulator: RelayEmulator, target: str, token: str, text: str) -> None:
    answer = await handshake(emulator, target, auth(token))

    assert answer.status == 401
    assert text in answer.reason
    assert "via" not in answer.headers


@pytest.mark.parametrize(
    ("target", "make_token"),
    [
        # Made when the test runs: a token made when it is collected may have expired by then.
        (LISTEN, lambda: sas("send")),
        (CONNECT, lambda: sas("listen")),
        (f"/$hc/{NORTH}", lambda: sas("listen")),
        (CONNECT, lambda: sas("send", "sites/south")),
        (CONNECT, lambda: sas("send", "sites/nor")),
        (CONNECT, lambda: create_token(f"http://elsewhere.example/{NORTH}", "web", "send-primary", 4_000_000_000)),
    ],
    ids=["send-listens", "listen-sends", "listen-sends-by-default", "another-site", "part-of-a-name", "another-host"],
)
async def test_wrong_right_or_wrong_resource_is_403(
    emulator: RelayEmulator, target: str, make_token: Callable[[], str]
) -> None:
    assert (await handshake(emulator, target, auth(make_token()))).status == 403


async def test_unknown_hybrid_connection_is_404_but_only_for_those_who_belong_here(emulator: RelayEmulator) -> None:
    for action in ("listen", "connect"):
        target = f"/$hc/sites/west?sb-hc-action={action}"

        known = await handshake(emulator, target, auth(sas("send", "sites/west")))
        assert (known.status, known.reason.partition(". ")[0]) == (404, "Endpoint does not exist")
        assert (await handshake(emulator, target, auth(sas("send", "sites/west", key="guessed")))).status == 401
        assert (await handshake(emulator, target)).status == 401


async def test_no_listener_is_404(emulator: RelayEmulator) -> None:
    answer = await handshake(emulator, CONNECT, auth(sas()))

    assert answer.status == 404
    assert answer.reason.startswith("There are no listeners connected for the endpoint. TrackingId:")


async def test_reason_phrase_and_body_carry_the_tracking_details(emulator: RelayEmulator) -> None:
    answer = await handshake(emulator, f"{CONNECT}&sb-hc-id=from-bob", auth(sas()))

    assert re.fullmatch(
        r"There are no listeners connected for the endpoint\. TrackingId:from-bob_G0, "
        r"SystemTracker:sb://127\.0\.0\.1/sites/north, Timestamp:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        answer.reason,
    )
    assert answer.headers["trackingid"] == "from-bob_G0"
    assert answer.headers["content-type"].startswith("application/json")
    assert json.loads(answer.body) == {"error": {"code": 3, "message": answer.reason}}


async def test_id_with_line_ends_cannot_write_headers(emulator: RelayEmulator) -> None:
    answer = await handshake(
        emulator, f"{CONNECT}&sb-hc-id={quote('x' + chr(13) + chr(10) + 'Set-Cookie: a=b')}", auth(sas())
    )

    assert answer.status == 404
    assert "set-cookie" not in answer.headers
    assert answer.headers["trackingid"] == "x??Set-Cookie: a=b_G0"


async def test_unknown_action_is_400(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, f"/$hc/{NORTH}?sb-hc-action=dance", auth(sas()))).status == 400


@pytest.mark.parametrize("action", ["accept", "request"])
@pytest.mark.parametrize("identifier", ["", "&sb-hc-id=", "&sb-hc-id=guess_G0_G1"])
async def test_unknown_rendezvous_is_403(emulator: RelayEmulator, action: str, identifier: str) -> None:
    assert (await handshake(emulator, f"/$hc/{NORTH}?sb-hc-action={action}{identifier}")).status == 403


async def test_listener_that_does_not_dial_back_in_time_is_404_and_late_is_403() -> None:
    async with RelayEmulator(CONFIG, accept_deadline=0.2) as emulator:
        control = await listen(emulator)
        answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
        accept = await next_accept(control)

        answer = await answering
        assert answer.status == 404
        assert "None of the connected listeners accepted the connection within the allowed timeout" in answer.reason
        address = urlsplit(accept["address"])
        assert (await handshake(emulator, f"{address.path}?{address.query}")).status == 403
        assert emulator.connection_count == 1
        await control.close()


async def test_sender_that_hangs_up_takes_its_rendezvous_with_it(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    peer = await RawPeer.open(emulator)
    peer.request(CONNECT, auth(sas()))
    accept = await next_accept(control)
    assert emulator.connection_count == 2
    peer.close()
    await eventually(lambda: emulator.connection_count == 1)

    address = urlsplit(accept["address"])
    assert (await handshake(emulator, f"{address.path}?{address.query}")).status == 403
    await control.close()


async def test_rendezvous_is_good_once(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    calling = asyncio.ensure_future(_open(call(emulator)))
    accept = await next_accept(control)
    listener = await dial(accept["address"])
    sender = await calling

    address = urlsplit(accept["address"])
    assert (await handshake(emulator, f"{address.path}?{address.query}")).status == 403
    await asyncio.gather(sender.close(), listener.close(), control.close())


async def test_rendezvous_of_one_hybrid_connection_cannot_be_used_at_another(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    calling = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
    accept = await next_accept(control)

    query = urlsplit(accept["address"]).query
    assert (await handshake(emulator, f"/$hc/{OPEN}?{query}")).status == 403
    calling.cancel()
    await control.close()


@pytest.mark.parametrize("prefix", ["sb-hc-", ""])
async def test_rejection_reaches_the_sender_and_the_listener_gets_410(emulator: RelayEmulator, prefix: str) -> None:
    control = await listen(emulator)
    # The sender's own parameters of the same name must not turn an accept into a rejection.
    answering = asyncio.create_task(
        handshake(emulator, f"/$hc/{NORTH}?statusCode=418&sb-hc-action=connect", auth(sas()))
    )
    accept = await next_accept(control)
    address = urlsplit(accept["address"])
    text = quote("Tank farm closed; call 112")

    listener = await handshake(
        emulator, f"{address.path}?{address.query}&{prefix}statusCode=423&{prefix}statusDescription={text}"
    )

    sender = await answering
    assert listener.status == 410
    assert (sender.status, sender.reason, sender.body) == (423, "Tank farm closed; call 112", b"")
    await control.close()


async def test_senders_status_parameters_do_not_reject(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    calling = asyncio.ensure_future(_open(call(emulator, query="statusCode=500&statusDescription=no")))
    accept = await next_accept(control)

    listener = await dial(accept["address"])
    sender = await calling
    await sender.send("through")
    assert await listener.recv() == "through"
    await asyncio.gather(sender.close(), listener.close(), control.close())


async def test_rejection_with_an_impossible_status_is_400_and_may_be_repeated(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))
    address = urlsplit((await next_accept(control))["address"])

    for status in ("99", "1000", "x", "-1"):
        target = f"{address.path}?{address.query}&sb-hc-statusCode={status}"
        assert (await handshake(emulator, target)).status == 400
    assert (await handshake(emulator, f"{address.path}?{address.query}&sb-hc-statusCode=400")).status == 410
    assert (await answering).status == 400
    await control.close()


async def test_26th_listener_is_refused_and_a_place_becomes_free_again(emulator: RelayEmulator) -> None:
    controls = [await listen(emulator, id=f"listener-{n}") for n in range(25)]
    assert emulator.listener_count("Sites/North/") == 25

    answer = await handshake(emulator, LISTEN, auth(sas("listen")))
    assert answer.status == 429
    assert "MaximumListenersPerEndpoint" in answer.reason

    await controls.pop().close()
    await eventually(lambda: emulator.listener_count(NORTH) == 24)
    controls.append(await listen(emulator))
    await asyncio.gather(*(control.close() for control in controls))


# Tokens: where they stand, and what they open


@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        ("send", "send-primary"),
        ("send", "send-secondary"),
        ("manage", "manage-primary"),
        ("manage", "manage-secondary"),
    ],
)
async def test_both_keys_and_manage_may_send(emulator: RelayEmulator, purpose: str, key: str) -> None:
    answer = await handshake(emulator, CONNECT, auth(sas(purpose, key=key)))
    assert answer.status == 404  # let in, but nobody listens


@pytest.mark.parametrize("key", ["listen-primary", "listen-secondary"])
async def test_both_keys_may_listen(emulator: RelayEmulator, key: str) -> None:
    control = await listen(emulator, token=sas("listen", key=key))
    assert emulator.listener_count(NORTH) == 1
    await control.close()


async def test_manage_may_listen(emulator: RelayEmulator) -> None:
    await (await listen(emulator, token=sas("manage"))).close()


async def test_rules_of_the_namespace_hold_everywhere_after_those_of_the_entity() -> None:
    root = Rule("root", frozenset({"Listen", "Send", "Manage"}), "root-primary", "root-secondary")
    shadow = Rule("web", frozenset({"Listen", "Send"}), "shadow-primary")
    config = EmulatorConfig(CONFIG.hybrid_connections, (root, shadow))
    async with RelayEmulator(config) as emulator:
        for path in (NORTH, ""):  # a token for the whole host covers everything below it
            token = create_token(f"http://127.0.0.1/{path}", "root", "root-primary", 4_000_000_000)
            assert (await handshake(emulator, CONNECT, auth(token))).status == 404
            assert (await handshake(emulator, "/$hc/sites/west", auth(token))).status == (403 if path else 404)
        # The same name at both levels: the entity's key first, the namespace's second.
        for key in ("send-primary", "shadow-primary"):
            assert (await handshake(emulator, CONNECT, auth(sas(key=key)))).status == 404


@pytest.mark.parametrize(
    "resource",
    [
        f"http://127.0.0.1/{NORTH}",
        f"http://127.0.0.1/{NORTH}/",
        f"http://127.0.0.1:443/{NORTH}",
        f"https://127.0.0.1/{NORTH}",
        f"sb://127.0.0.1/{NORTH.upper()}",
        "http://127.0.0.1/sites",
        "http://127.0.0.1/",
    ],
)
async def test_every_clients_way_to_write_the_resource_is_taken(emulator: RelayEmulator, resource: str) -> None:
    token = create_token(resource, "web", "send-primary", 4_000_000_000)
    assert (await handshake(emulator, CONNECT, auth(token))).status == 404


async def test_token_in_the_query_opens_and_the_header_wins(emulator: RelayEmulator) -> None:
    good, bad = sas(), sas(key="guessed")

    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(good, safe='')}")).status == 404
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(bad, safe='')}")).status == 401
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(bad, safe='')}", auth(good))).status == 404
    assert (await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(good, safe='')}", auth(bad))).status == 401


async def test_authorization_header_is_looked_at_last(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, CONNECT, {"Authorization": sas()})).status == 404
    assert (await handshake(emulator, CONNECT, {"Authorization": "Basic Ym9iOmJvYg=="})).status == 401
    both = {"Authorization": "Basic Ym9iOmJvYg==", **auth(sas())}
    assert (await handshake(emulator, CONNECT, both)).status == 404


async def test_open_hybrid_connection_needs_no_token_to_connect_but_one_to_listen(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, f"/$hc/{OPEN}")).status == 404
    assert (await handshake(emulator, f"/$hc/{OPEN}", auth("not looked at"))).status == 404
    assert (await handshake(emulator, f"/$hc/{OPEN}?sb-hc-action=listen")).status == 401
    control = await listen(emulator, OPEN)
    await control.close()


# What a listener is told


async def test_accept_is_exactly_this_text(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    peer = await RawPeer.open(emulator)
    token = quote(sas(), safe="")
    peer.request(
        f"/$hc/Sites/north/tanks/TK%2D101?b=%2f+%20&&a=1&sb-hc-action=connect&sb-hc-id=bob%2F1&SB-HC-TOKEN={token}&sb-hc-x&",
        [
            ("X-Trace", "one"),
            ("x-trace", "two"),
            ("ServiceBusAuthorization", sas()),
            ("Cookie", "a=b; c=ü"),
            ("0", "1"),
        ],
    )

    text = await asyncio.wait_for(control.recv(), DEADLINE)

    assert isinstance(text, str)
    secret = re.search(r"_G0_G(\d+)\"", text)
    assert secret is not None
    _, port = peer.writer.get_extra_info("sockname")
    assert text == (
        f'{{"accept":{{"address":"ws://127.0.0.1:{emulator.port}/$hc/Sites/north/tanks/TK%2D101?b=%2f+%20&&a=1&sb-hc-x&'
        f'&sb-hc-action=accept&sb-hc-id=bob%2F1_G0_G{secret[1]}","id":"bob/1_G0","connectHeaders":{{'
        f'"Host":"127.0.0.1:{emulator.port}","Upgrade":"websocket","Connection":"Upgrade","Sec-WebSocket-Version":"13",'
        f'"Sec-WebSocket-Key":"{peer.key}","X-Trace":"one, two","Cookie":"a=b; c=ü","0":"1"}},'
        f'"remoteEndpoint":{{"address":"127.0.0.1","port":{port}}}}}}}'
    )
    peer.close()
    await control.close()


async def test_ids_are_made_up_when_none_is_given_and_no_two_addresses_are_equal(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    answering = [asyncio.create_task(handshake(emulator, f"{CONNECT}&sb-hc-id=same", auth(sas()))) for _ in range(2)]
    answering.append(asyncio.create_task(handshake(emulator, CONNECT, auth(sas()))))

    accepts = [await next_accept(control) for _ in range(3)]

    assert len({accept["address"] for accept in accepts}) == 3
    assert sorted(accept["id"] for accept in accepts)[-1] == "same_G0"
    made_up = next(accept["id"] for accept in accepts if accept["id"] != "same_G0")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}_G0", made_up)
    for task in answering:
        task.cancel()
    await control.close()


async def test_rendezvous_address_follows_the_host_that_the_listener_used(emulator: RelayEmulator) -> None:
    token = create_token(f"http://localhost/{NORTH}", "agent", "listen-primary", 4_000_000_000)
    address = f"ws://localhost:{emulator.port}{LISTEN}"
    control = await websockets.connect(address, additional_headers=auth(token), host="127.0.0.1")
    answering = asyncio.create_task(handshake(emulator, CONNECT, auth(sas())))

    accept = await next_accept(control)

    assert accept["address"].startswith(f"ws://localhost:{emulator.port}/$hc/{NORTH}?")
    assert accept["connectHeaders"]["Host"] == f"127.0.0.1:{emulator.port}"
    answering.cancel()
    await control.close()


async def test_authorization_header_reaches_the_listener_unless_it_was_the_relays(emulator: RelayEmulator) -> None:
    control, open_control = await listen(emulator), await listen(emulator, OPEN)
    basic = {"Authorization": "Basic Ym9iOmJvYg=="}
    for where, target, headers, seen in [
        (control, CONNECT, {**basic, **auth(sas())}, True),
        (control, CONNECT, {"Authorization": sas()}, False),
        (open_control, f"/$hc/{OPEN}", basic, True),
    ]:
        answering = asyncio.create_task(handshake(emulator, target, headers))
        told = (await next_accept(where))["connectHeaders"]
        assert ("Authorization" in told) is seen
        assert "ServiceBusAuthorization" not in told
        answering.cancel()
    await asyncio.gather(control.close(), open_control.close())


async def test_headers_too_large_for_a_control_channel_are_431(emulator: RelayEmulator) -> None:
    control = await listen(emulator)
    headers = {f"X-{n}": "v" * 8000 for n in range(9)}
    answer = await handshake(emulator, CONNECT, {**headers, **auth(sas())})
    assert answer.status == 431
    await control.close()


async def test_choice_among_listeners_is_random_and_can_be_narrowed(emulator: RelayEmulator) -> None:
    controls = {name: await listen(emulator, id=name) for name in ("alice", "bob", "charlie")}
    reached: dict[str, int] = dict.fromkeys(controls, 0)

    async def count(name: str) -> None:
        async for text in controls[name]:
            reached[name] += 1
            address = urlsplit(json.loads(text)["accept"]["address"])
            await handshake(emulator, f"{address.path}?{address.query}&sb-hc-statusCode=409")

    counting = [asyncio.create_task(count(name)) for name in controls]
    for _ in range(60):
        assert (await handshake(emulator, CONNECT, auth(sas()))).status == 409
    assert all(times > 3 for times in reached.values()), reached  # each misses 60 times out of 10^9 or less often

    before = dict(reached)
    for headers in (
        {"Microsoft-Relay-AllowedListeners": "BOB, nobody"},
        {"Microsoft-Relay-DisallowedListeners": "alice,charlie"},
    ):
        for _ in range(5):
            assert (await handshake(emulator, CONNECT, {**headers, **auth(sas())})).status == 409
    assert reached == {**before, "bob": before["bob"] + 10}

    answer = await handshake(emulator, CONNECT, {"Microsoft-Relay-AllowedListeners": "nobody", **auth(sas())})
    assert answer.status == 404
    assert "meet the AllowedListeners/DisallowedListeners criteria" in answer.reason
    for task in counting:
        task.cancel()
    await asyncio.gather(*(control.close() for control in controls.values()))


@pytest.mark.parametrize(("asked", "told"), [(None, None), (["two"], "two"), (["two", "one"], "two")])
async def test_subprotocol_of_the_accepting_handshake_is_what_the_sender_is_told(
    emulator: RelayEmulator, asked: list[str] | None, told: str | None
) -> None:
    control = await listen(emulator)
    calling = asyncio.ensure_future(_open(call(emulator, subprotocols=["one", "two"])))
    accept = await next_accept(control)
    assert accept["connectHeaders"]["Sec-WebSocket-Protocol"] == "one, two"

    listener = await dial(accept["address"], subprotocols=asked)
    sender = await calling

    assert (sender.subprotocol, listener.subprotocol) == (told, told)
    await asyncio.gather(sender.close(), listener.close(), control.close())


async def test_compression_is_never_negotiated(emulator: RelayEmulator) -> None:
    control = await listen(emulator)  # this client offers permessage-deflate
    assert control.response is not None
    assert "Sec-WebSocket-Extensions" not in control.response.headers
    calling = asyncio.ensure_future(_open(call(emulator, compression="deflate")))
    accept = await next_accept(control)
    assert "permessage-deflate" in accept["connectHeaders"]["Sec-WebSocket-Extensions"]

    listener = await websockets.connect(accept["address"], compression="deflate")
    sender = await calling

    assert sender.response is not None
    assert "Sec-WebSocket-Extensions" not in sender.response.headers
    assert "Sec-WebSocket-Extensions" not in listener.response.headers
    await asyncio.gather(sender.close(), listener.close(), control.close())


async def test_aiohttp_client_as_both_peers(emulator: RelayEmulator) -> None:
    base = f"http://127.0.0.1:{emulator.port}/$hc/{NORTH}"
    async with aiohttp.ClientSession() as session:
        control = await session.ws_connect(f"{base}?sb-hc-action=listen", headers=auth(sas("listen")))
        calling = asyncio.ensure_future(_open(session.ws_connect(base, headers=auth(sas()))))
        accept = await control.receive_json(timeout=DEADLINE)
        listener = await session.ws_connect(accept["accept"]["address"])
        sender = await calling
        await sender.send_str("level?")
        assert await listener.receive_str(timeout=DEADLINE) == "level?"
        await listener.send_bytes(b"12.345")
        assert await sender.receive_bytes(timeout=DEADLINE) == b"12.345"
        await asyncio.gather(sender.close(), listener.receive(), listener.close())
        await control.close()


# HTTP requests: the same authorization. How they are carried is in ``test_exchange``.


async def test_http_request_is_authorized_and_refused_in_the_relays_own_name(emulator: RelayEmulator) -> None:
    base = f"http://127.0.0.1:{emulator.port}"
    async with aiohttp.ClientSession() as session:
        for method, target, headers, status, code in [
            ("GET", f"/{NORTH}", {}, 401, 4),
            ("OPTIONS", f"/{NORTH}", {}, 401, 4),
            ("GET", f"/{NORTH}", auth(sas("listen")), 403, 5),
            ("GET", "/sites/west", auth(sas("send", "sites/west")), 404, 3),
            ("GET", f"/{NORTH}/tanks", auth(sas()), 502, 2),
            ("GET", f"/{NORTH}?sb-hc-token={quote(sas(), safe='')}", auth(sas(key="guessed")), 502, 2),
            ("POST", f"/{OPEN}", {}, 502, 2),
        ]:
            async with session.request(method, base + target, headers=headers, data=b"x" * 100_000) as answer:
                assert answer.status == status, target
                assert "Via" not in answer.headers
                assert (await answer.json())["error"]["code"] == code
        async with session.get(f"{base}/{NORTH}", headers=auth(sas())) as answer:
            assert (answer.reason or "").startswith("There are no listeners connected for the endpoint. TrackingId:")


async def test_tokens_and_keys_never_reach_the_log(emulator: RelayEmulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "relay_bridge.emulator")
    caplog.set_level("DEBUG", "aiohttp")
    secret = sas(key="guessed").partition("sig=")[2][:20]
    await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(sas(key='guessed'), safe='')}")
    await handshake(emulator, CONNECT, auth(sas(key="guessed")))
    await handshake(emulator, f"/$hc/{NORTH}?sb-hc-token={quote(sas(key='guessed'), safe='')}\x01")
    async with Stream(emulator):
        pass
    assert "InvalidSasToken" in caplog.text
    assert "NewListenerRegistered" in caplog.text
    assert "SenderListenerConnectionEstablished" in caplog.text
    for unwanted in (secret, quote(secret), "SharedAccessSignature", "send-primary", "listen-primary"):
        assert unwanted not in caplog.text


async def _open(connecting):  # type: ignore[no-untyped-def]
    return await connecting
