"""Security of the connection: our choice of endpoint, the pinned certificate, and refusals in words."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay_bridge.agent.drivers.base import DOWN
from relay_bridge.agent.drivers.opcua import OpcUaDriver
from relay_bridge.agent.drivers.opcua.connection import Connection
from relay_bridge.agent.drivers.opcua.problems import SourceLost
from tests.relay_bridge.agent.drivers.opcua.support import live, running, settings, tags

pytestmark = pytest.mark.asyncio(loop_scope="session")


def secured(plant, name="agent", **facts):
    files = {
        "security": "Basic256Sha256/SignAndEncrypt",
        "allow_insecure": False,
        "server_cert": plant.folder / "plant.der",
        "client_cert": plant.folder / f"{name}.der",
        "client_key": plant.folder / f"{name}.pem",
    }
    return settings(plant.url, **{**files, **facts})


async def reason_for(configured):
    """Why a connection with these settings does not come about."""
    connection = Connection(configured)
    try:
        with pytest.raises(SourceLost) as caught:
            await connection.open()
    finally:
        await connection.close()
    return caught.value.reason


async def test_signed_and_encrypted_with_a_user(plant):
    driver = OpcUaDriver(secured(plant, user="mobile", password="right"), tags("TK-101.Level"))
    async with live(driver, ["TK-101.Level"]) as recorder:
        assert recorder.readings["TK-101.Level"].quality == 0


async def test_a_wrong_password_is_told_without_it(plant):
    reason = await reason_for(secured(plant, user="mobile", password="wrong"))
    assert reason == "the process server refused the user name or the password"


async def test_an_untrusted_certificate_is_told(plant):
    assert "does not trust this agent's certificate" in await reason_for(secured(plant, "stranger"))


async def test_another_certificate_than_the_pinned_one_is_refused(plant):
    reason = await reason_for(secured(plant, server_cert=plant.folder / "stranger.der"))
    assert reason == "the process server shows another certificate than the pinned one"


async def test_security_that_is_not_offered_is_told(plant):
    reason = await reason_for(secured(plant, security="Aes256Sha256RsaPss/SignAndEncrypt"))
    assert reason == "the process server does not offer the configured security"


async def test_a_missing_pin_is_told_without_its_path(plant):
    reason = await reason_for(secured(plant, server_cert=plant.folder / "absent.der"))
    assert reason.startswith("the pinned certificate of the process server cannot be read")
    assert str(plant.folder) not in reason


async def test_a_listener_that_says_nothing_is_given_up_in_time(monkeypatch):
    monkeypatch.setattr("relay_bridge.agent.drivers.opcua.connection.HELLO_DEADLINE", 0.3)
    accepted = asyncio.Event()

    async def mute(_reader, writer):
        accepted.set()
        await asyncio.sleep(30)
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = time.monotonic()
    driver = OpcUaDriver(settings(f"opc.tcp://127.0.0.1:{port}"), tags("TK-101.Level"))
    async with running(driver) as recorder:
        await accepted.wait()
        await recorder.until(lambda: any("did not answer within 0.3 s" in state.reason for state in recorder.states))
        assert recorder.state.code == DOWN
        assert time.monotonic() - began < 1.5
    server.close()


async def test_closing_is_bounded_whatever_the_server_does(plant):
    connection = Connection(settings(plant.url))
    await connection.open()
    began = time.monotonic()
    await connection.close()
    await connection.close()
    assert time.monotonic() - began < 2.5
