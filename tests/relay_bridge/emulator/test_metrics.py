"""Metrics as a Prometheus server reads them, of a relay that has done something."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.operations import OPERATIONS
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.raw_peers import handshake
from tests.relay_bridge.emulator.support import NORTH, Stream, auth, eventually, sas

Series = dict[tuple[str, ...], float]


async def scraped(relay: RelayEmulator) -> Series:
    """Every series by its name and the values of its labels, in the order of their names."""
    _, text = await relay.metrics.scrape()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


async def test_what_happened_is_what_is_scraped(emulator: RelayEmulator) -> None:
    async with Stream(emulator) as stream:
        await stream.sender.send(b"x" * 1_000)
        await stream.listener.recv()
        await stream.listener.send("y" * 10)
        await stream.sender.recv()
        found = await scraped(emulator)
        assert found["relay_active_listeners", NORTH] == 1
        assert found["relay_active_listeners", "public/board"] == 0
        assert found["relay_active_streams", NORTH] == 1
        assert found["relay_active_connections",] == 3
        assert found["relay_bytes_transferred_total", "to_listener", NORTH] == 1_000
        assert found["relay_bytes_transferred_total", "to_sender", NORTH] == 10
    await eventually(lambda: emulator.connection_count == 0)
    assert (await scraped(emulator))["relay_active_connections",] == 0
    answers = [
        await handshake(emulator, f"/$hc/{NORTH}?sb-hc-action=listen", auth("no token")),
        await handshake(emulator, f"/$hc/{NORTH}?sb-hc-action=connect", auth(sas())),
    ]
    assert [answer.status for answer in answers] == [401, 404]
    found = await scraped(emulator)
    assert found["relay_listener_connections_total", "success"] == 1
    assert found["relay_listener_connections_total", "client_error"] == 1
    assert found["relay_sender_connections_total", "success"] == 1
    assert found["relay_sender_connections_total", "client_error"] == 1
    assert found["relay_sender_connections_total", "server_error"] == 0
    assert found["relay_refusals_total", "401", "listen"] == 1
    assert found["relay_operations_total", "SenderListenerConnectionEstablished", NORTH] == 1
    assert found["relay_operations_total", "InvalidSasToken", NORTH] == 1
    assert found["relay_accept_duration_seconds_count",] == 1
    assert 0 < found["relay_accept_duration_seconds_sum",] < 5


async def test_request_is_counted_by_status_class_and_time(emulator: RelayEmulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(f"GET /{NORTH} HTTP/1.1\r\nHost: 127.0.0.1\r\nServiceBusAuthorization: {sas()}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 502 ")
    writer.close()
    assert (await scraped(emulator))["relay_refusals_total", "502", "request"] == 1
    emulator.operations.responded(NORTH, 204, 0.02)
    found = await scraped(emulator)
    assert found["relay_http_requests_total", NORTH, "2xx"] == 1
    buckets = {name[1]: value for name, value in found.items() if name[0] == "relay_http_duration_seconds_bucket"}
    assert (buckets["0.01"], buckets["0.025"], buckets["+Inf"]) == (0, 1, 1)


async def test_two_relays_in_one_process_have_their_own() -> None:
    async with RelayEmulator(EmulatorConfig()) as one, RelayEmulator(EmulatorConfig()) as two:
        one.operations.record("NewListenerRegistered", "", "id")
        assert (await scraped(one))["relay_listener_connections_total", "success"] == 1
        assert (await scraped(two))["relay_listener_connections_total", "success"] == 0


async def test_series_are_bounded_by_the_configuration(emulator: RelayEmulator) -> None:
    for number in range(200):
        await asyncio.sleep(0)
        emulator.operations.record("InvalidSasToken", f"made-up-{number}", "id")
        emulator.operations.carried(f"made-up-{number}", "to_sender", 1)
    paths = {
        name[-1]
        for name in (await scraped(emulator))
        if name[0] in {"relay_operations_total", "relay_active_listeners"}
    }
    assert paths <= {"", *(connection.key for connection in emulator.config.hybrid_connections)}
    assert len(await scraped(emulator)) < 100 + len(OPERATIONS)
