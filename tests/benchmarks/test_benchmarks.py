"""Every measurement runs at a tiny size on the real programs and gives figures that can be. No timing is judged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 240.0  # seconds, on a busy machine; about 20 on a quiet one

pytestmark = pytest.mark.timeout(2 * DEADLINE)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The figures and the page of one tiny run."""
    folder = tmp_path_factory.mktemp("bench")
    raw, page = folder / "figures.json", folder / "page.md"
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "site",
        "relay",
        "--size",
        "tiny",
        "--raw",
        str(raw),
        "--out",
        str(page),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        _, complaints = process.communicate(timeout=DEADLINE)
    finally:
        if process.poll() is None:  # in good order, so that its programs end too
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    assert process.returncode == 0, complaints
    return json.loads(raw.read_text()), page.read_text()


def test_read_path_has_every_way_and_no_failed_read(run: tuple[dict[str, Any], str]) -> None:
    rows = run[0]["read_path"]
    assert [(row["way"], row["in_flight"]) for row in rows] == [
        ("direct", 1), ("session", 1), ("gateway", 1), ("direct", 16), ("session", 16), ("gateway", 16), ("people", 16),
    ]  # fmt: skip
    for row in rows:
        assert row["failed"] == 0
        assert row["rate"]["median"] > 0
        assert 0 < row["p50"]["median"] <= row["p99"]["median"]


def test_fan_out_delivers_everything(run: tuple[dict[str, Any], str]) -> None:
    rows = run[0]["fan_out"]["rows"]
    assert [(row["sockets"], row["changing"]) for row in rows] == [(4, 50)]
    for row in rows:
        assert row["delivered"] == row["due"] >= 4
        assert row["p50"]["median"] <= row["p99"]["median"]


def test_screen_bytes_grow_with_what_changes(run: tuple[dict[str, Any], str]) -> None:
    all_, still = run[0]["screen_bytes"]["rows"]
    assert all_["down"] > still["down"]
    assert 0 < all_["down"] < all_["alone"] < all_["plain"]
    assert run[0]["screen_bytes"]["snapshot"] > 50 * len("[1,5.0]")


def test_memory_is_that_of_real_programs(run: tuple[dict[str, Any], str]) -> None:
    rows = run[0]["memory"]
    assert [row["sockets"] for row in rows] == [0, 4]
    assert all(10 < row[program] < 1000 for row in rows for program in ("web", "agent", "relay"))


def test_every_way_ends_access_and_says_when(tmp_path: Path) -> None:
    raw, page = tmp_path / "figures.json", tmp_path / "page.md"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks", "access", "--size", "tiny", "--raw", str(raw), "--out", str(page),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "## When access ends" in page.read_text() and "nan" not in page.read_text()
    figures = json.loads(raw.read_text())["revocation"]
    rows = {(row["way"], row["told"]): row for row in figures["rows"]}
    told = {"edited", "expired", "disabled", "password or factors", "session", "role", "site"}
    assert {way for way, by in rows if by == "same"} == {way for way, by in rows if by == "other"} == told
    assert {way for way, by in rows if by == "nobody"} == {"edited", "disabled", "password", "session", "role", "site"}
    assert all(0 < row["over_p50"] <= row["over_p99"] <= row["over_max"] for row in rows.values())
    assert all(row["last_max"] <= row["over_max"] for row in rows.values()), "no value after the farewell"
    assert figures["site"]


def ways(rows: list[dict[str, Any]]) -> set[str]:
    return {row["way"] for row in rows}


def test_relay_carries_ours_and_microsoft_s_side_by_side(run: tuple[dict[str, Any], str]) -> None:
    """Without Node ours is there alone, and the page says why."""
    relay = run[0]["relay"]
    requests, messages = relay["http"]["requests"], relay["streams"]["messages"]
    assert {"ours", "session", "direct-ours"} <= ways(requests)
    assert "ours" in ways(messages)
    if relay["node_missing"]:
        assert relay["node_missing"] in run[1]
    else:
        assert {"hyco-https", "mixed", "direct-node"} <= ways(requests)
        assert "hyco-ws" in ways(messages)
    firsts = relay["http"]["first"] + relay["streams"]["first"]
    for row in [*requests, *messages, *firsts]:
        assert row["failed"] == 0
        assert row["rate"]["median"] > 0
        assert 0 < row["p50"]["median"] <= row["p99"]["median"]
    for row in relay["http"]["bodies"]:
        assert row["failed"] == 0
        assert row["rate"]["median"] > 0


def test_relay_memory_and_bad_days_have_every_kind(run: tuple[dict[str, Any], str]) -> None:
    relay = run[0]["relay"]
    unread = ["unread_streams", "unread_answers", "unread_requests"]
    assert relay["memory"]["idle"]["sockets"] == 4
    assert [row["kind"] for row in relay["memory"]["unread"]] == unread
    assert [row["kind"] for row in relay["bad_days"]] == ["slow_heads", "half_open", "junk", *unread]
    for row in relay["bad_days"]:
        assert row["failed"] == 0
        assert row["held"] == row["count"] or row["kind"] == "junk"
        assert row["p95"]["median"] > 0 < row["fresh"]["median"]


def test_agent_is_measured_beside_a_real_process_server(tmp_path: Path) -> None:
    """Without Node the history and the alarms are there alone, and the page says why."""
    raw, page = tmp_path / "figures.json", tmp_path / "page.md"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks", "--size", "tiny", "--only", "agent_stream", "--only", "agent_history",
            "--raw", str(raw), "--out", str(page),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    agent, text = json.loads(raw.read_text())["agent"], page.read_text()
    assert "## The agent" in text and "nan" not in text and str(ROOT) not in text
    if agent["node_missing"]:
        assert agent["node_missing"] in text
    else:
        assert [(row["publish"], row["ring"]) for row in agent["stream"]] == [(250, True)]
        for row in agent["stream"]:
            assert row["wrong"] == 0 and row["came"] > 0
            assert 0 < row["p50"]["median"] <= row["p99"]["median"]
    two, twenty = agent["history"]["rings"]
    assert two["every"] == 2 and twenty["every"] > 2
    assert all(row["bytes_each"] > 0 and row["takes"] > 0 for row in (two, twenty))
    assert [(row["hours"], row["tags"]) for row in agent["history"]["answers"]] == [(1, 1), (1, 8)]
    assert all(row["bytes"] > 1000 and row["took"]["median"] > 0 for row in agent["history"]["answers"])


def test_without_node_ours_is_measured_alone_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    page = tmp_path / "page.md"
    done = subprocess.run(
        [
            sys.executable, "-m", "benchmarks", "--size", "tiny", "--only", "relay_streams", "--out", str(page),
        ],
        cwd=ROOT, env={**os.environ, "PATH": str(tmp_path / "bin")}, capture_output=True, text=True, timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Microsoft's clients are left out: There is no Node here" in done.stderr
    assert "**Microsoft's clients are left out:** There is no Node here" in page.read_text()
    assert "| our listener, our sender |" in page.read_text()


def test_page_has_all_tables_and_no_trace_of_the_machine(run: tuple[dict[str, Any], str]) -> None:
    page = run[1]
    for heading in (
        "## Read path",
        "## Fan-out",
        "## Bytes of a 50-tag screen",
        "## Memory",
        "## The relay",
        "### Bad days",
    ):
        assert heading in page
    assert str(ROOT) not in page
    assert "nan" not in page


def test_stopped_in_the_middle_leaves_no_program_behind(tmp_path: Path) -> None:
    out = tmp_path / "page.md"
    command = [sys.executable, "-m", "benchmarks", "--size", "tiny", "--only", "fan_out", "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    while "fan_out" not in seen:
        seen = process.stderr.readline()
        assert seen, "the run ended before it was stopped"
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 130
    process.stderr.close()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert not out.exists()
