"""A sender and a listener are joined: what the listener is told, how it answers, and what becomes of the address."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
import websockets

from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.raw_peers import RawPeer, handshake
from tests.relay_bridge.emulator.support import (
    CONFIG,
    CONNECT,
    DEADLINE,
    LISTEN,
    NORTH,
    OPEN,
    auth,
    call,
    dial,
    eventually,
    listen,
    next_accept,
    opened,
    sas,
)

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
    calling = asyncio.ensure_future(opened(call(emulator, subprotocols=["one", "two"])))
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
    calling = asyncio.ensure_future(opened(call(emulator, compression="deflate")))
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
        calling = asyncio.ensure_future(opened(session.ws_connect(base, headers=auth(sas()))))
        accept = await control.receive_json(timeout=DEADLINE)
        listener = await session.ws_connect(accept["accept"]["address"])
        sender = await calling
        await sender.send_str("level?")
        assert await listener.receive_str(timeout=DEADLINE) == "level?"
        await listener.send_bytes(b"12.345")
        assert await sender.receive_bytes(timeout=DEADLINE) == b"12.345"
        await asyncio.gather(sender.close(), listener.receive(), listener.close())
        await control.close()


# Accepted, rejected, too late


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
    calling = asyncio.ensure_future(opened(call(emulator)))
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
    calling = asyncio.ensure_future(opened(call(emulator, query="statusCode=500&statusDescription=no")))
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
