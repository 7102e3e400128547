"""Bad days: each is named, none ends the agent, and where something cannot be kept nothing that writes is let in."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.cli import EXIT_RUNS_ALREADY, main
from relay_bridge.agent.config import load_config
from relay_bridge.agent.folder_lock import AlreadyRunning
from relay_bridge.agent.health_clock import FORGET, ClockWatch
from relay_bridge.agent.status_report import StatusReport
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Read, ReadAnswer
from relay_bridge.emulator.server import RelayEmulator
from tests.relay_bridge.agent.conftest import NAMESPACE, RunningSite, Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, ManualClock, SiteFolder
from tests.relay_bridge.agent.test_cli import START, run

OFTEN = {"WATCHDOG_USEC": "300000"}  # reports ten times a second
DEADLINE = 20.0  # seconds for whatever is waited for
DEAD = """
[[source]]
id = "dead"
kind = "opcua"
url = "opc.tcp://127.0.0.1:9/"
security = "None"
allow_insecure = true

[[tag]]
id = "X.dead"
source = "dead"
area = "A"
node = "i=1"
"""


def look(running: RunningSite) -> StatusReport:
    return running.agent.operation.health.look()


def codes(report: StatusReport) -> set[str]:
    return {finding.code for finding in report.findings}


async def reaches(running: RunningSite, condition: Any) -> StatusReport:
    async with asyncio.timeout(DEADLINE):
        while not condition(report := look(running)):
            await asyncio.sleep(0.02)
    return report


def all_well(report: StatusReport) -> bool:
    return report.state == "ok" and not report.findings


async def read_level(running: RunningSite) -> Any:
    web_app, handle = await running.signed_in()
    answer = await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
    return answer.d[0][1]


# --- what is not there ----------------------------------------------------------------------------------------------


async def test_nothing_is_the_matter_on_a_good_day(serve: Serve) -> None:
    async with serve() as running:
        report = await reaches(running, all_well)
        assert (report.site, report.relay.status, report.tags) == ("north", "online", 3)
        assert [(source.id, source.state, source.tags) for source in report.sources] == [("main", "ok", 3)]


async def test_process_server_down_at_the_start(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, DEAD)
    async with serve() as running:
        report = await reaches(running, lambda report: report.sources[0].state == "ok")
        assert report.state == "degraded" and "source-down" in codes(report)
        assert any("dead" in finding.text for finding in report.findings)
        assert await read_level(running) == 12.346


async def test_only_process_server_down_is_down(site: SiteFolder, serve: Serve) -> None:
    site.configure(DEAD)
    async with serve() as running:
        assert look(running).state == "down"


async def test_relay_down_at_the_start(site: SiteFolder) -> None:
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay:
        port = relay.port
    site.relay_port(port)  # nobody listens there any more
    agent = SiteAgent(load_config(site.toml))
    task = asyncio.create_task(agent.run())
    try:
        async with asyncio.timeout(DEADLINE):
            while (report := agent.operation.health.look()).relay.status != "offline":
                await asyncio.sleep(0.02)
        assert report.state == "down" and "relay-down" in codes(report)
        assert report.relay.reason and [source.state for source in report.sources] == ["ok"]
        async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=port), asyncio.timeout(DEADLINE):
            await agent.uplink.wait_online()
            assert "relay-down" not in codes(agent.operation.health.look())
    finally:
        agent.stop()
        await task


# --- the clock ------------------------------------------------------------------------------------------------------


async def test_wrong_clock_is_named_and_forgotten_when_tokens_are_let_in_again(serve: Serve) -> None:
    async with serve() as running:
        web_app = await running.web_app()
        for shift in (-600, 600):
            with pytest.raises(RequestRefused):
                await web_app.auth(running.folder.token(now=time.time() + shift))
            report = look(running)
            assert "clock-doubtful" in codes(report) and report.state == "degraded"
        await web_app.auth(running.folder.token())
        assert "clock-doubtful" not in codes(look(running))


def test_doubt_about_the_clock_comes_from_times_only_and_does_not_last() -> None:
    clock = ManualClock()
    watch = ClockWatch(clock.monotonic)
    watch.refused("signature")
    assert watch.doubt == ""
    watch.refused("not-yet-valid")
    assert "not-yet-valid" in watch.doubt
    clock.move(FORGET + 1)
    assert watch.doubt == ""


# --- the disk -------------------------------------------------------------------------------------------------------


async def test_state_folder_that_cannot_be_used(
    site: SiteFolder, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A file in its place: no user, root neither, can write below it. The switch stands elsewhere."""
    (site.folder / "state").write_text("")
    (site.folder / "switch").mkdir()
    site.configure(SOURCE, TANK, '[switch]\nfolder = "switch"')
    async with serve() as running:
        report = await reaches(running, lambda report: report.sources[0].state == "ok")
        assert {"memory-lost", "history-lost"} <= codes(report) and report.state == "degraded"
        assert await read_level(running) == 12.346
        web_app = await running.web_app()
        with pytest.raises(RequestRefused):
            await web_app.auth(running.folder.token(**write_claims()))
        assert "(memory-lost)" in caplog.text


def write_claims() -> dict[str, Any]:
    """Of a token that nothing is wrong with."""
    now = int(time.time())
    detail = {"type": "setpoint", "tag": "P-1.sp", "value": 7.5, "unit": "%", "expected": 6.0, "valid_until": now + 30}
    return {
        "scope": "setpoint:write", "life": 30, "now": now, "acr": "mfa", "amr": ["pwd", "otp", "mfa"],
        "auth_time": now - 5, "authorization_details": [detail],
    }  # fmt: skip


@pytest.fixture
def agents(site: SiteFolder) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def start(site: SiteFolder, agents: list[subprocess.Popen[str]], **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, "run", "--config", str(site.toml)]
    with (site.folder / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log, text=True, env={**os.environ, **OFTEN}, **options)
    agents.append(process)
    return process


async def report_of(site: SiteFolder, condition: Any) -> dict[str, Any]:
    """The state file, once it says what is waited for."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    found = json.loads((site.folder / "state/status.json").read_text())
                except (OSError, ValueError):
                    found = {}
                if found and condition({finding["code"] for finding in found["findings"]}, found):
                    return found
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError((found, (site.folder / "log").read_text()[-3000:])) from None


async def test_disk_that_fills_up(
    site: SiteFolder, agents: list[subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit of the system on what the agent's process may write: every file refuses to grow, as on a full disk."""
    async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay:
        site.relay_port(relay.port)
        process = start(site, agents)
        await report_of(site, lambda codes, found: not codes and found["state"] == "ok")
        async with asyncio.timeout(DEADLINE):
            async with AsyncExitStack() as stack:
                running = RunningSite(site, None, relay.port, stack)  # type: ignore[arg-type] # in another process
                web_app = await running.web_app()
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
                for _ in range(60):  # each is an event of the journal
                    with pytest.raises(RequestRefused):
                        await web_app.auth("no token")
                handle = (await web_app.auth(site.token())).a
                found = await report_of(site, lambda codes, found: {"journal-lost", "memory-lost"} <= codes)
                assert found["state"] == "degraded" and found["sources"][0]["state"] == "ok"
                answer = await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"], fresh=True), handle)
                assert answer.d[0][1] == 12.346
                with pytest.raises(RequestRefused):
                    await web_app.auth(site.token(**write_claims()))
        assert re.search(r"[(](journal|memory)-lost[)]", (site.folder / "log").read_text())
        assert main(["status", "--config", str(site.toml)]) == 1
        assert "[journal-lost]" in capsys.readouterr().out
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


async def test_damaged_state_files(site: SiteFolder, serve: Serve) -> None:
    state = site.folder / "state"
    state.mkdir()
    for name in ("admission.sqlite3", "history.sqlite3", "alarms.sqlite3", "status.json", "agent.lock"):
        (state / name).write_bytes(b"junk " * 500)
    (state / "switch").mkdir()
    (state / "switch/mode.json").write_text("junk")
    async with serve() as running:
        report = await reaches(running, all_well)
        assert report.mode.mode == "read-only"  # the switch cannot be read: closed, and it says so
        assert (state / "admission.sqlite3.damaged").exists() and (state / "history.sqlite3.damaged").exists()
        assert await read_level(running) == 12.346


async def test_damaged_journal_is_kept_for_whoever_looks_into_it(site: SiteFolder, serve: Serve) -> None:
    (site.folder / "audit").mkdir()
    (site.folder / "audit/head.json").write_text("junk")
    async with serve() as running:
        report = await reaches(running, lambda report: codes(report) == {"journal-lost"})
        assert report.state == "degraded"
        assert (site.folder / "audit/head.json").read_text() == "junk"
        assert await read_level(running) == 12.346


async def test_file_held_by_another_program(site: SiteFolder, serve: Serve) -> None:
    """A backup program with its hand on the memory: nothing that writes until it lets go."""
    (site.folder / "state").mkdir()
    other = sqlite3.connect(site.folder / "state/admission.sqlite3")
    other.execute("BEGIN EXCLUSIVE")
    try:
        async with serve() as running:
            assert "memory-lost" in codes(look(running))
            assert await read_level(running) == 12.346
    finally:
        other.close()


# --- two of them ----------------------------------------------------------------------------------------------------


async def test_second_agent_in_the_same_folder_is_refused(site: SiteFolder, serve: Serve) -> None:
    async with serve() as running:
        await reaches(running, all_well)
        second = await asyncio.to_thread(run, "run", "--config", site.toml)
        assert second.returncode == EXIT_RUNS_ALREADY
        assert second.stderr.count("\n") == 1 and "Another agent serves" in second.stderr
        assert all_well(look(running))
        with pytest.raises(AlreadyRunning):
            await SiteAgent(load_config(site.toml)).run()
    agent = SiteAgent(load_config(site.toml))  # the first has gone, and so has its lock
    task = asyncio.create_task(agent.run())
    await asyncio.sleep(0)
    agent.stop()
    await task


def test_killed_agent_leaves_no_lock(site: SiteFolder, agents: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    first = start(site, agents)
    wait_for_lines(site, "tags of")
    first.kill()
    first.wait(10)
    second = start(site, agents)
    wait_for_lines(site, "tags of")
    assert second.poll() is None


def wait_for_lines(site: SiteFolder, words: str) -> None:
    until = time.monotonic() + DEADLINE
    while words not in (site.folder / "log").read_text():
        assert time.monotonic() < until, (site.folder / "log").read_text()
        time.sleep(0.05)
