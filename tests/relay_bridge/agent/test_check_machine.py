"""What ``check`` says of the machine: each finding by its name, against real files, real sockets and a real relay."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import io
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from relay_bridge.agent import check_machine
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.check import check
from relay_bridge.agent.check_machine import (
    disk_findings,
    folder_findings,
    machine_findings,
    open_files,
    relay_findings,
)
from relay_bridge.agent.config import load_config
from relay_bridge.agent.findings import Finding, Named
from relay_bridge.agent.health import source_certificates
from relay_bridge.agent.trust import load_trust
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from tests.relay_bridge.agent.conftest import NAMESPACE
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder
from tests.support.certificates import make_identity

NOW = dt.datetime.now(dt.UTC)


def names(findings: object) -> list[str]:
    return [finding.code for finding in findings]  # type: ignore[attr-defined]


@asynccontextmanager
async def relay_that_says(answer: bytes | None) -> AsyncIterator[ConnectionString]:
    """A server that answers the first request so; None: never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    text = f"Endpoint=sb://127.0.0.1:{port}/;EntityPath=n;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true"
    try:
        yield parse_connection_string(text)
    finally:
        server.close()


def dated(seconds: float) -> bytes:
    date = email.utils.formatdate(time.time() + seconds, usegmt=True)
    return f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_sound_machine_has_no_findings(site: SiteFolder) -> None:
    out = io.StringIO()
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay:
        port = relay.port
        site.relay_port(port)
        site.configure(SOURCE + '"TK-101.product" = "Diesel"', TANK)
        assert await check(site.toml, out, machine=True) == []
    assert f"127.0.0.1:{port} answers" in out.getvalue() and "MiB free" in out.getvalue()
    assert not (site.folder / "state").exists()  # looking leaves nothing behind


async def test_plant_findings_have_names_and_stay_sentences(site: SiteFolder) -> None:
    (found,) = await check(site.toml, io.StringIO())
    assert isinstance(found, Named) and found.code == "tag-bad"
    assert found.startswith('[[tag]] "TK-101.product": bad quality')


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, None), (-4, None), (60, "behind"), (-60, "ahead of"), (-7200, "ahead")]
)
async def test_clock_is_compared_with_the_relays(seconds: float, said: str | None) -> None:
    out = io.StringIO()
    async with relay_that_says(dated(seconds)) as connection:
        found = await relay_findings(connection, out)
    assert names(found) == ([] if said is None else ["clock-off"])
    assert said is None or said in found[0].text
    assert "clock is" in out.getvalue()


@pytest.mark.parametrize("date", [b"", b"Date: soon\r\n", b"Date: Mon, 99 Nov 9999 99:99:99 GMT\r\n"])
async def test_relay_that_does_not_say_the_time_is_told_and_no_finding(date: bytes) -> None:
    out = io.StringIO()
    async with relay_that_says(b"HTTP/1.1 404 X\r\n" + date + b"Content-Length: 0\r\n\r\n") as connection:
        assert await relay_findings(connection, out) == []
    assert "not compared" in out.getvalue()


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"", None])
async def test_what_is_no_relay_is_unreachable(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_machine, "RELAY_DEADLINE", 0.5)
    async with relay_that_says(answer) as connection:
        assert names(await relay_findings(connection, io.StringIO())) == ["relay-unreachable"]


async def test_closed_port_is_unreachable(site: SiteFolder) -> None:
    assert names(await relay_findings(load_config(site.toml).relay, io.StringIO())) == ["relay-unreachable"]


@pytest.mark.parametrize(
    "path", ["site.toml", "trust", "trust/issuer.jwks.json", "trust/web-app.pem", "trust/agent.pem", "secrets"]
)
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_whatever_others_could_write_is_found(site: SiteFolder, path: str, mode: int) -> None:
    place = site.folder / path
    place.chmod(stat.S_IMODE(place.stat().st_mode) | mode)
    (found,) = open_files(load_config(site.toml))
    assert found.code == "file-open" and f"chmod go-w {place}" in found.text


def test_folder_that_cannot_be_written_is_found(site: SiteFolder) -> None:
    (site.folder / "audit").write_text("a file in its place")
    (found,) = folder_findings(load_config(site.toml))
    assert found.code == "folder-not-writable" and str(site.folder / "audit") in found.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_of_somebody_else_is_found(site: SiteFolder) -> None:
    (site.folder / "audit").mkdir(0o500)
    assert names(folder_findings(load_config(site.toml))) == ["folder-not-writable"]


def test_little_space_is_found(site: SiteFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(site.toml)
    assert names(disk_findings(config, io.StringIO())) == []
    monkeypatch.setattr(check_machine, "DISK_LOW", 2**40)  # more than any disk has
    assert names(disk_findings(config, io.StringIO())) == ["disk-low"]


async def test_certificates_that_end_within_sixty_days_are_found(site: SiteFolder) -> None:
    soon = make_identity("web-app", not_after=NOW + dt.timedelta(days=59))
    site.put("trust/web-app.pem", soon.cert_pem)
    config = load_config(site.toml)
    found = await machine_findings(config, load_trust(config.trust, NOW), io.StringIO(), relay=False)
    assert names(found) == ["certificate-ends"] and "web_app_pin" in found[0].text


async def test_certificates_of_sources_are_looked_at(site: SiteFolder, tmp_path: Path) -> None:
    soon = make_identity("plant", not_after=NOW + dt.timedelta(days=30))
    later = make_identity("client", not_after=NOW + dt.timedelta(days=300))
    site.put("trust/server.pem", soon.cert_pem)
    site.put("trust/client.pem", later.cert_pem)
    site.put("secrets/client.key", later.key_pem, mode=0o600)
    site.configure(
        '[[source]]\nid = "main"\nkind = "opcua"\nurl = "opc.tcp://127.0.0.1:9/"\nserver_cert = "trust/server.pem"\n'
        'client_cert = "trust/client.pem"\nclient_key = "secrets/client.key"\n',
        '[[tag]]\nid = "X.y"\nsource = "main"\narea = "A"\nnode = "i=1"\n',
    )
    (found,) = source_certificates(load_config(site.toml), NOW)
    assert isinstance(found, Finding) and "server_cert" in found.text
    health = SiteAgent(load_config(site.toml)).operation.health
    assert found in health.look(health.ask_machine()).findings
