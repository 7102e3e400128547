"""The management port itself: who is let in, what is bounded, what an answer looks like."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest

from relay_bridge.emulator.management import server
from relay_bridge.emulator.management.arm import MAX_BODY
from relay_bridge.emulator.namespace import EmulatorConfig
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.management.support import ROOT, Plane, config_in
from tests.relay_bridge.emulator.support import DEADLINE, eventually


async def raw(plane: Plane, data: bytes) -> bytes:
    """Everything that comes back for ``data``."""
    port = int(plane.relay.management_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        async with asyncio.timeout(DEADLINE):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("token", ["", "x", "another-token-of-the-same-length-as-the-real-o"])
async def test_nobody_is_let_in_without_the_token(token: str, plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for method, path in (("GET", ""), ("PUT", "hybridConnections/x"), ("GET", "/nothing"), ("GET", "/faults")):
            reply = await plane.ask(method, path, {} if method == "PUT" else None, token=token)
            assert (reply.status, reply.code) == (401, "AuthenticationFailed")
            assert reply.headers["WWW-Authenticate"] == 'Bearer realm="relay management"'
    assert "401 AuthenticationFailed" in caplog.text
    if len(token) > 1:
        assert token not in caplog.text


async def test_version_is_asked_for_by_name(plane: Plane) -> None:
    for version, code in ((None, "MissingApiVersionParameter"), ("2015-08-01", "InvalidApiVersionParameter")):
        reply = await plane.ask("GET", "", version=version)
        assert (reply.status, reply.code) == (400, code)
    for version in ("2026-01-01", "2021-11-01", "2017-04-01"):
        assert (await plane.ask("GET", "", version=version)).status == 200


async def test_answer_is_json_with_an_id_and_is_never_kept(plane: Plane) -> None:
    for path in ("", "hybridConnections/none"):
        reply = await plane.ask("GET", path)
        assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
        assert len(reply.headers["x-ms-request-id"]) == 36
        assert reply.headers["Cache-Control"] == "no-store"


async def test_unknown_address_and_method(plane: Plane) -> None:
    assert (await plane.ask("GET", "/subscriptions/x/other")).code == "InvalidResourceType"
    reply = await plane.ask("POST", "hybridConnections/x", {})
    assert (reply.status, reply.headers["Allow"]) == (405, "DELETE, GET, PUT")


async def test_body_is_bounded_and_must_be_an_object(plane: Plane) -> None:
    reply = await plane.ask("PUT", "hybridConnections/x", b" " * (MAX_BODY + 1))
    assert (reply.status, reply.code) == (413, "RequestTooLarge")
    for body in (b"", b"[]", b"\xff", b"[" * 60_000):
        assert (await plane.ask("PUT", "hybridConnections/x", body)).code == "InvalidRequestContent"


async def test_body_that_does_not_come_is_given_up(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_DEADLINE", 0.05)
    monkeypatch.setattr(server, "LINGER", 0.05)
    head = f"PUT {ROOT}/hybridConnections/x?api-version=2026-01-01 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    answer = await raw(plane, f"{head}Authorization: Bearer {plane.token}\r\n\r\n{{".encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"RequestTimeout"' in answer


async def test_what_is_no_http_is_refused_and_not_repeated(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answer = await raw(plane, b"Bearer secret-secret-secret\r\n\r\n")
    assert b" 400 Bad Request\r\n" in answer
    assert b"secret" not in answer
    assert "secret-secret" not in caplog.text


async def test_connections_are_bounded(plane: Plane) -> None:
    port = int(plane.relay.management_url.rpartition(":")[2])
    open_ones = [await asyncio.open_connection("127.0.0.1", port) for _ in range(server.MAX_CONNECTIONS)]
    with contextlib.suppress(ConnectionError):
        assert await raw(plane, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    for _, writer in open_ones:
        writer.close()

    async def answered() -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            return (await plane.ask("GET", "")).status == 200
        return False

    async with asyncio.timeout(DEADLINE):
        while not await answered():
            await asyncio.sleep(0.01)


async def test_metrics_need_no_token_and_hold_what_is_there(plane: Plane) -> None:
    reply = await plane.ask("GET", "/metrics", token="", version=None)
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    assert 'relay_active_listeners{path="declared"} 0.0' in reply.body
    assert (await plane.ask("POST", "/metrics", {}, token="", version=None)).status == 401


async def test_address_in_connection_strings_can_be_set(tmp_path: Path) -> None:
    management = config_in(tmp_path, advertise=("relay.example.com", 9400), namespace="plant")
    async with RelayEmulator(EmulatorConfig(), management=management) as relay:
        plane = Plane(relay, tmp_path)
        path = ROOT.replace("/local", "/plant") + "/authorizationRules/RootManageSharedAccessKey/listKeys"
        keys = (await plane.ask("POST", path)).body
        assert keys["primaryConnectionString"].startswith("Endpoint=sb://relay.example.com:9400/;")


async def test_address_that_is_taken_stops_the_whole_relay(plane: Plane, tmp_path: Path) -> None:
    port = int(plane.relay.management_url.rpartition(":")[2])
    other = tmp_path / "other"
    other.mkdir()
    relay = RelayEmulator(EmulatorConfig(), management=config_in(other, port=port))
    with pytest.raises(OSError) as caught:
        await relay.start()
    assert caught.value.filename == f"127.0.0.1:{port}"
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", relay.port or 1)


async def test_without_management_there_is_no_url() -> None:
    relay = RelayEmulator(EmulatorConfig())
    with pytest.raises(RuntimeError, match="no management port"):
        _ = relay.management_url


async def test_stopping_ends_the_port(tmp_path: Path) -> None:
    async with RelayEmulator(EmulatorConfig(), management=config_in(tmp_path)) as relay:
        port = int(relay.management_url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await eventually(lambda: not reader.at_eof())
    assert await asyncio.wait_for(reader.read(), DEADLINE) == b""
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)
