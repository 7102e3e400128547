"""Every measurement runs at a tiny size on the real programs and gives figures that can be. No timing is judged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 90.0  # seconds, on a slow machine; about 15 on a quiet one


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The figures and the page of one tiny run."""
    folder = tmp_path_factory.mktemp("bench")
    raw, page = folder / "figures.json", folder / "page.md"
    command = [sys.executable, "-m", "benchmarks", "--size", "tiny", "--raw", str(raw), "--out", str(page)]
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
    assert 0 < all_["deflated"] < all_["down"]
    assert run[0]["screen_bytes"]["snapshot"] > 50 * len("[1,5.0]")


def test_memory_is_that_of_real_programs(run: tuple[dict[str, Any], str]) -> None:
    rows = run[0]["memory"]
    assert [row["sockets"] for row in rows] == [0, 4]
    assert all(10 < row[program] < 1000 for row in rows for program in ("web", "agent", "relay"))


def test_page_has_all_tables_and_no_trace_of_the_machine(run: tuple[dict[str, Any], str]) -> None:
    page = run[1]
    for heading in ("## Read path", "## Fan-out", "## Bytes of a 50-tag screen", "## Memory"):
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
