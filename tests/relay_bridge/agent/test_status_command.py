"""``sightline-site status``: the exit codes, whoever runs or does not, and what is in the report and what is not."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent import operation
from relay_bridge.agent.cli import main
from relay_bridge.agent.findings import FINDINGS, Finding
from relay_bridge.agent.status_command import status_command
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Read, ReadAnswer, Sub, SubAnswer
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.agent.conftest import NAMESPACE, RunningSite, Serve
from tests.relay_bridge.agent.support import SiteFolder
from tests.relay_bridge.agent.test_cli import START

TAG = '[[tag]]\nid = "X.y"\nsource = "main"\narea = "A"\n'
LOG = ("--log-format", "json", "--log-level", "DEBUG")
OFTEN = {"WATCHDOG_USEC": "300000"}  # a service manager that wants to hear of the agent three times as often as this
DEADLINE = 20.0  # seconds for whatever is waited for


@pytest.fixture
def agent(site: SiteFolder) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def start(site: SiteFolder, started: list[subprocess.Popen[bytes]], **environment: str) -> subprocess.Popen[bytes]:
    with (site.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, "run", "--config", str(site.toml), *LOG],
            stderr=log,
            env={**os.environ, **OFTEN, **environment},
        )
    started.append(process)
    return process


def report_file(site: SiteFolder) -> Path:
    return site.folder / "state/status.json"


async def until_reported(site: SiteFolder, wanted: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not report_file(site).exists() or json.loads(report_file(site).read_text())["state"] != wanted:
            await asyncio.sleep(0.05)


def status(site: SiteFolder, *, ahead: float = 0.0, as_json: bool = True) -> tuple[int, Any]:
    out = io.StringIO()
    code = status_command(report_file(site), out, as_json=as_json, now=lambda: time.time() + ahead)
    return code, json.loads(out.getvalue()) if as_json else out.getvalue()


async def test_running_agent_is_told_by_its_own_report(
    site: SiteFolder, agent: list[subprocess.Popen[bytes]], capsys: pytest.CaptureFixture[str]
) -> None:
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay:
        site.relay_port(relay.port)
        process = start(site, agent)
        await until_reported(site, "ok")
        assert main(["status", "--config", str(site.toml), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["v"], told["state"], told["pid"], told["findings"]) == (1, "ok", process.pid, [])
        assert told["journal"] and told["memory"] and told["sources"][0]["tags"] == 3
        assert main(["status", "--config", str(site.toml)]) == 0
        assert "north (North Terminal): ok" in capsys.readouterr().out
        assert stat.S_IMODE(report_file(site).stat().st_mode) == 0o600
    await until_reported(site, "down")  # the relay has gone
    assert main(["status", "--config", str(site.toml)]) == 2
    assert "[relay-down]" in capsys.readouterr().out
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not report_file(site).exists()
    assert main(["status", "--config", str(site.toml), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["state"] == "not-running"


async def test_agent_that_hangs_or_was_killed(site: SiteFolder, agent: list[subprocess.Popen[bytes]]) -> None:
    process = start(site, agent)
    await until_reported(site, "down")  # no relay here
    process.send_signal(signal.SIGSTOP)
    assert status(site)[0] == 2
    code, told = status(site, ahead=60)
    assert (code, told["state"]) == (2, "silent") and "hangs" in told["why"]
    process.kill()
    process.wait(10)
    code, told = status(site, ahead=60)
    assert (code, told["state"]) == (3, "not-running") and "last one was seen" in told["why"]


async def test_site_file_may_be_wrong_while_the_agent_runs(
    site: SiteFolder, serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "INTERVAL", 0.1)
    async with serve():
        await until_reported(site, "ok")
        site.toml.write_text(site.toml.read_text() + "\n[surprise]\n")
        assert main(["status", "--config", str(site.toml)]) == 0
        site.toml.write_text("junk")
        assert main(["status", "--config", str(site.toml)]) == 4
    assert "not TOML" in capsys.readouterr().err


def test_place_without_lock_and_report_is_not_called_not_running(site: SiteFolder) -> None:
    assert status(site)[0] == 3  # no folder: nothing was ever started here
    report_file(site).parent.write_text("a file in its place")
    code, told = status(site)
    assert (code, told["state"]) == (4, "unknown")
    report_file(site).parent.unlink()
    report_file(site).parent.mkdir()
    assert status(site)[0] == 4


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff" * 100, b"[" * 100_000])
def test_damaged_report_is_a_sentence(site: SiteFolder, junk: bytes) -> None:
    report_file(site).parent.mkdir()
    report_file(site).write_bytes(junk)
    code, told = status(site)
    assert (code, told["state"]) == (4, "unknown") and "no report" in told["why"]


async def test_neither_report_nor_log_has_values_secrets_or_addresses(
    site: SiteFolder, agent: list[subprocess.Popen[bytes]]
) -> None:
    """At DEBUG, over a session with good and bad tokens and watched values."""
    site.configure('[[source]]\nid = "main"\nkind = "memory"\nchange_ms = 50\n[source.values]\n"X.y" = 73519.25', TAG)
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay, AsyncExitStack() as stack:
        site.relay_port(relay.port)
        process = start(site, agent)
        await until_reported(site, "ok")
        web_app = await RunningSite(site, None, relay.port, stack).web_app()  # type: ignore[arg-type]
        good, bad = site.token(), site.token(aud="https://elsewhere")
        handle = (await web_app.auth(good)).a
        with pytest.raises(RequestRefused):
            await web_app.auth(bad)
        answer = await web_app.call("read", ReadAnswer, Read(tags=["X.y"]), handle)
        await web_app.call("sub", SubAnswer, Sub(tags=["X.y"], rate=250), handle)
        await web_app.next_values()
        report = report_file(site).read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    log = (site.folder / "log").read_text()
    assert all(json.loads(line)["level"] for line in log.splitlines())
    for text in (report, log):
        for never in (good, bad, good.split(".")[2], "bGlzdGVuLWtleQ", str(int(answer.d[0][1])), "73519"):
            assert never not in text


async def test_systemd_hears_ready_alive_and_stopping(
    site: SiteFolder, agent: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "n"))
        systemd.settimeout(DEADLINE)
        process = start(site, agent, NOTIFY_SOCKET=str(tmp_path / "n"), WATCHDOG_USEC="600000")
        heard = [await asyncio.to_thread(systemd.recv, 1000) for _ in range(5)]
        assert heard[0] == b"READY=1" and all(b"WATCHDOG=1" in word for word in heard[1:])
        process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in (word := await asyncio.to_thread(systemd.recv, 1000)):
            assert b"WATCHDOG=1" in word
    assert process.wait(10) == 0


def test_findings_are_a_closed_list() -> None:
    for code in FINDINGS:
        assert str(Finding(code, "Words.")) == f"Words. [{code}]"
    with pytest.raises(ValueError, match="no finding"):
        Finding("surprise", "Words.")
