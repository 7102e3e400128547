"""A listener on good days and bad ones: every trouble has a state and a reason, and none of them ends the listener."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time

import pytest
from websockets.asyncio.server import serve

from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import ConnectionStringError
from relay_bridge.protocol.limits import MAX_LISTENERS
from relay_bridge.transport import HttpResponse, RelayListener
from relay_bridge.transport.listener import BACKOFF_CAP, OPEN_TIMEOUT, PING_INTERVAL, PONG_DEADLINE
from tests.relay_bridge.transport.support import (
    AGENT,
    CONFIG,
    DEADLINE,
    NORTH,
    Relay,
    States,
    echo,
    is_offline,
    listening,
)


async def test_it_comes_online_and_is_left_in_order(relay):
    states = States()
    before = time.time()
    async with listening(relay.listen_string(), echo, state_changed=states) as listener:
        assert listener.state.status == "online"
        assert listener.state.reason == ""
        assert before <= listener.state.since <= time.time()
        assert relay.listener_count(NORTH) == 1
    assert states.statuses == ["online", "offline"]
    assert listener.state.reason == "the listener was stopped"


async def test_online_means_an_answered_ping_and_not_an_open_socket():
    done = asyncio.Event()

    async def deaf(connection):
        connection.transport.pause_reading()  # the socket is open, and nothing is ever answered
        await done.wait()
        connection.transport.abort()

    async with serve(deaf, "127.0.0.1", 0, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        string = ConnectionString("127.0.0.1", port, "a", "k", "key", use_tls=False)
        states = States()
        async with listening(string, echo, wait=False, state_changed=states, ping_interval=0.1, pong_deadline=0.2):
            state = await states.wait_for(is_offline)
            assert "did not answer a ping within 0.2 s" in state.reason
        done.set()
        assert "online" not in states.statuses


async def test_a_frozen_relay_is_noticed_and_its_return_too(relay):
    states = States()
    options = {"ping_interval": 0.2, "pong_deadline": 0.4, "open_timeout": 0.5}
    async with listening(relay.listen_string(), echo, state_changed=states, **options) as listener:
        relay.faults.freeze()
        started = asyncio.get_running_loop().time()
        state = await states.wait_for(is_offline)
        assert asyncio.get_running_loop().time() - started < 0.2 + 0.4 + 0.5
        assert "did not answer a ping" in state.reason
        await states.wait_for(lambda state: "did not answer within" in state.reason)  # a dial into the ice
        relay.faults.thaw()
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()


def test_the_defaults_notice_a_frozen_relay_within_five_seconds():
    assert PING_INTERVAL + PONG_DEADLINE < 5.0
    assert BACKOFF_CAP + OPEN_TIMEOUT <= 10.0


async def test_a_cut_control_channel_comes_back_and_streams_survive_it(relay):
    states = States()
    async with listening(relay.listen_string(), echo, state_changed=states) as listener:
        stream = await relay.sender().connect()
        relay.faults.drop_control_channels(NORTH)
        assert "broke" in (await states.wait_for(is_offline)).reason
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        await stream.send(b"as if nothing had happened")
        assert await stream.receive() == b"as if nothing had happened"
        await stream.close()


async def test_the_daily_recycle_is_no_error(relay, caplog):
    caplog.set_level(logging.INFO)
    states = States()
    async with listening(relay.listen_string(), echo, state_changed=states) as listener:
        states.forget()
        relay.faults.recycle(NORTH)
        await states.wait_for(lambda state: state.status == "connecting")
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        assert states.statuses == ["connecting", "online"]
        assert "recycled" in states.seen[0].reason
    assert not [
        record for record in caplog.records if record.levelno >= logging.WARNING and "emulator" not in record.name
    ]


async def test_a_relay_that_is_restarted(caplog):
    states = States()
    async with Relay(CONFIG) as first:
        port, string = first.port, first.listen_string()
        listener = RelayListener(string, echo, state_changed=states, random=lambda: 0.1)
        task = asyncio.create_task(listener.run())
        await listener.wait_online()
        states.forget()
    assert "shutting down" in (await states.wait_for(is_offline)).reason
    await states.wait_for(lambda state: "nothing listens" in state.reason)
    async with Relay(CONFIG, port=port):
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_site_that_is_provisioned_late(relay):
    relay.apply_config(EmulatorConfig((), rules=(AGENT,)))
    states = States()
    async with listening(relay.listen_string(), echo, wait=False, state_changed=states) as listener:
        assert "404" in (await states.wait_for(is_offline)).reason
        relay.apply_config(CONFIG)
        async with asyncio.timeout(DEADLINE):
            await listener.wait_online()


async def test_a_hybrid_connection_that_is_deleted(relay):
    states = States()
    async with listening(relay.listen_string(), echo, state_changed=states):
        relay.apply_config(EmulatorConfig(()))
        assert "deleted" in (await states.wait_for(is_offline)).reason


@contextlib.asynccontextmanager
async def rogue_relay(*messages):
    """A relay that sends whatever the test likes to its listener."""
    dialled = []

    async def handler(connection):
        if "sb-hc-action=listen" not in connection.request.path:
            dialled.append(connection.request.path)
            return
        for message in messages:
            await connection.send(message)
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield ConnectionString("127.0.0.1", port, "a", "k", "key", use_tls=False), dialled


def accept(address: str) -> str:
    return json.dumps({"accept": {"address": address, "id": "1", "connectHeaders": {}}})


async def test_an_address_elsewhere_is_not_dialled(caplog):
    visitors = []

    async def elsewhere(connection):
        visitors.append(connection)

    async with serve(elsewhere, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        bad = accept(f"ws://127.0.0.1:{port}/$hc/a?sb-hc-action=accept&sb-hc-id=1")
        async with rogue_relay(bad, "[" * 99) as (string, _), listening(string, echo) as listener:
            await asyncio.sleep(0)
            assert listener.state.status == "online"
            async with asyncio.timeout(DEADLINE):
                while "another port" not in caplog.text:
                    await asyncio.sleep(0.01)
    assert visitors == []


async def test_requests_news_bodies_and_nonsense_do_not_end_the_channel(caplog):
    request = '{"request":{"address":"ws://h/","id":"1","method":"PUT","body":true}}'
    messages = [request, b"its body", request, b"", "nonsense", '{"news":1}', b"stray", json.dumps({"x": "y" * 70_000})]
    async with rogue_relay(*messages) as (string, dialled), listening(string, echo) as listener:
        async with asyncio.timeout(DEADLINE):
            while "ignored: " not in caplog.text:
                await asyncio.sleep(0.01)
        assert listener.state.status == "online"
    assert dialled == []


async def test_the_26th_listener_keeps_trying_and_says_why(relay):
    states = States()
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(listening(relay.listen_string(), echo))
        for _ in range(MAX_LISTENERS - 2):
            await stack.enter_async_context(listening(relay.listen_string(), echo))
        last = contextlib.AsyncExitStack()
        await last.enter_async_context(listening(relay.listen_string(), echo))
        assert relay.listener_count(NORTH) == MAX_LISTENERS
        extra = await stack.enter_async_context(
            listening(relay.listen_string(), echo, wait=False, state_changed=states)
        )
        assert "quota of 25 listeners" in (await states.wait_for(is_offline)).reason
        await last.aclose()  # one goes, and the one that waited takes its place
        async with asyncio.timeout(DEADLINE):
            await extra.wait_online()
        assert first.state.status == "online"
        assert relay.listener_count(NORTH) == MAX_LISTENERS


async def test_a_sender_can_name_a_listener_before_and_after_a_reconnect(relay):
    def name(own):
        async def answer(request):
            return HttpResponse(200, body=own.encode())

        return answer

    states = States()
    options = {"http_handler": name("south"), "listener_id": "south-7", "state_changed": states}
    async with (
        listening(relay.listen_string(), None, http_handler=name("other")) as other,
        listening(relay.listen_string(), None, **options) as south,
        relay.sender() as sender,
    ):
        assert (south.listener_id, len(other.listener_id)) == ("south-7", 36)
        for _ in range(2):
            for wanted, listener in (("south", south), ("other", other)):
                headers = {"Microsoft-Relay-AllowedListeners": listener.listener_id}
                for _ in range(3):
                    async with sender.request("GET", headers=headers) as response:
                        assert await response.read() == wanted.encode()
            states.forget()
            relay.faults.drop_control_channels(NORTH)
            await states.wait_for(is_offline)
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(south.wait_online(), other.wait_online())
                while relay.listener_count(NORTH) < 2:
                    await asyncio.sleep(0.01)


@pytest.mark.parametrize("identifier", ["a_b", "a,b", "x" * 65, "a b"])
async def test_an_id_that_the_service_would_not_keep_is_refused(relay, identifier):
    with pytest.raises(ValueError, match="listener_id"):
        RelayListener(relay.listen_string(), echo, listener_id=identifier)


@pytest.mark.parametrize("options", [{"max_message": 0}, {"subprotocols": ["two words"]}])
async def test_options_of_streams_that_cannot_be_are_refused(relay, options):
    with pytest.raises(ValueError, match=next(iter(options)).rstrip("s")):
        RelayListener(relay.listen_string(), echo, **options)


async def test_a_listener_without_any_handler_makes_no_sense(relay):
    with pytest.raises(ValueError, match="http_handler"):
        RelayListener(relay.listen_string())


async def test_one_run_at_a_time(relay):
    async with listening(relay.listen_string(), echo) as listener:
        with pytest.raises(RuntimeError, match="running"):
            await listener.run()


async def test_a_failing_callback_does_not_end_the_listener(relay, caplog):
    def fail(state):
        raise ZeroDivisionError

    async with listening(relay.listen_string(), echo, state_changed=fail):
        assert "state_changed failed" in caplog.text


async def test_what_cannot_listen_is_refused_at_once(relay):
    with pytest.raises(ConnectionStringError, match="EntityPath"):
        RelayListener(relay.at(path=None), echo)
    with pytest.raises(ConnectionStringError, match="Listen right"):
        RelayListener(relay.at(), echo)


async def test_plain_text_beyond_this_machine_is_worth_a_warning(caplog):
    RelayListener(ConnectionString("relay.example", 80, "a", "k", "key", use_tls=False), echo)
    assert "without TLS" in caplog.text
