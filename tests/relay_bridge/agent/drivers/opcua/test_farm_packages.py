"""The packages of the OPC UA server on Node: pinned by hash, and what a run says where they cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import node

ROOT = Path(__file__).resolve().parents[5]
LOCK = node.OPCUA_SERVER.folder / "package-lock.json"


def test_the_lock_pins_every_package_by_hash_and_names_no_registry():
    text = LOCK.read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert packages["node_modules/node-opcua"]["version"] == "2.182.2"
    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
            assert "hasInstallScript" not in package, name


@pytest.mark.opcua_node
def test_installed_is_the_version_of_the_lock():
    installed = json.loads((LOCK.parent / "node_modules" / "node-opcua" / "package.json").read_text())
    assert installed["version"] == "2.182.2"


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)], ids=["elsewhere", "in-ci"])
def test_without_node_the_run_says_what_it_left_out_and_fails_in_ci(ci, status):
    # Without the project's settings of pytest: they cost two seconds, and only the mode of asyncio matters here.
    settings = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:django", "-p", "no:anyio", "-p", "no:cacheprovider"]
    tests = "tests/relay_bridge/agent/drivers/opcua/test_limits.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pytest", *settings, "-o", "asyncio_mode=auto", tests],
        cwd=ROOT,
        env={**os.environ, "PATH": "/nowhere", "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "1 tests against the OPC UA server on Node were left out: There is no Node here." in done.stdout
    assert ("CI=true: this is a failure." in done.stdout) == (ci == "true")
