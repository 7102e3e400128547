"""A hybrid connection describes itself: the Atom entry that the official .NET client reads."""

from __future__ import annotations

import asyncio
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.emulator.management.support import Plane, config_in
from tests.relay_bridge.emulator.raw_peers import Answer
from tests.relay_bridge.emulator.support import CONFIG, DEADLINE, NORTH, Clock, listen, sas

ATOM = "{http://www.w3.org/2005/Atom}"
CONNECT = "{http://schemas.microsoft.com/netservices/2010/10/servicebus/connect}"


async def ask(
    relay: RelayEmulator, path: str = NORTH, *, token: str | None = None, method: str = "GET", version: str = "2016-07"
) -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    authorization = f"Authorization: {sas('manage') if token is None else token}\r\n" if token != "" else ""
    writer.write(
        f"{method} /{path}?api-version={version} HTTP/1.1\r\nHost: 127.0.0.1:{relay.port}\r\n"
        f"X-PROCESS-AT: ServiceBus\r\n{authorization}Connection: close\r\n\r\n".encode()
    )
    async with asyncio.timeout(DEADLINE):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return Answer(head, body)


async def test_entry_has_the_members_in_the_order_of_the_client(tmp_path: Path) -> None:
    clock = Clock()
    async with RelayEmulator(CONFIG, clock=clock) as relay, await listen(relay, token=sas("listen", now=clock.now)):
        answer = await ask(relay, token=sas("manage", now=clock.now))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/atom+xml;type=entry;charset=utf-8")
    assert "via" not in answer.headers
    content = ET.fromstring(answer.body).find(f"{ATOM}content/{CONNECT}HybridConnectionDescription")
    assert content is not None
    assert [(member.tag.removeprefix(CONNECT), member.text) for member in content] == [
        ("CreatedAt", "2026-09-21T14:13:20.000Z"),
        ("UpdatedAt", "2026-09-21T14:13:20.000Z"),
        ("RequiresClientAuthorization", "true"),
        ("ListenerCount", "1"),
    ]


async def test_metadata_made_over_arm_is_told(tmp_path: Path) -> None:
    async with RelayEmulator(CONFIG, management=config_in(tmp_path)) as relay:
        plane = Plane(relay, tmp_path)
        await plane.ask("PUT", "hybridConnections/east", {"properties": {"userMetadata": "<a & b>"}})
        rule = "hybridConnections/east/authorizationRules/owner"
        await plane.ask("PUT", rule, {"properties": {"rights": ["Listen", "Send", "Manage"]}})
        await plane.ask("POST", f"{rule}/regenerateKeys", {"keyType": "PrimaryKey", "key": "manage-primary"})
        answer = await ask(relay, "east", token=sas("manage", "east"))
    assert ET.fromstring(answer.body).findtext(f".//{CONNECT}UserMetadata") == "<a & b>"


async def test_path_that_is_none_is_a_feed(emulator: RelayEmulator) -> None:
    for path in ("sites/none", f"{NORTH}/suffix"):
        answer = await ask(emulator, path, token=sas("manage", path))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/atom+xml;type=feed;charset=utf-8")
        assert ET.fromstring(answer.body).tag == f"{ATOM}feed"


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"token": ""}, 401, "MissingToken"),
        ({"token": "SharedAccessSignature x"}, 401, "MalformedToken"),
        ({"token": "listen"}, 401, "'Manage' claim is required"),
        ({"version": "2017-01"}, 400, "api-version=2016-07"),
        ({"method": "PUT"}, 405, "Only GET is answered here"),
    ],
)
async def test_refusal_is_xml_with_a_detail(
    options: dict[str, str], status: int, words: str, emulator: RelayEmulator
) -> None:
    if options.get("token") == "listen":
        options = {"token": sas("listen")}
    answer = await ask(emulator, **options)
    found = ET.fromstring(answer.body)
    assert (answer.status, found.tag, found.findtext("Code")) == (status, "Error", str(status))
    assert words in str(found.findtext("Detail"))
    assert "TrackingId:" in str(found.findtext("Detail"))


async def test_without_the_header_it_is_a_request_for_a_listener(emulator: RelayEmulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(
        f"GET /{NORTH}?api-version=2016-07 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"ServiceBusAuthorization: {sas()}\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 502 There are no listeners connected")
    writer.close()
