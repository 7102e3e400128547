"""The vendor's packages as they are installed, and what a run says where they cannot be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance import http_rows, place, test_anonymous, test_refusals, websocket_rows
from tests.support import node

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "conformance.md"
PINNED = {"hyco-ws": "1.0.5", "hyco-https": "1.4.5"}


@pytest.mark.without_node
def test_the_lock_pins_every_package_by_hash_and_names_no_registry() -> None:
    text = (node.FOLDER / "package-lock.json").read_text()
    assert "://" not in text
    packages = json.loads(text)["packages"]
    for name, version in PINNED.items():
        assert packages[f"node_modules/{name}"]["version"] == version
    for name, package in packages.items():
        if name.startswith("node_modules/") or "/node_modules/" in name:
            if package.get("link"):
                assert package["resolved"] == "core-module", f"{name} is a module of Node itself"
            else:
                assert package["integrity"].startswith("sha512-"), name
                assert "resolved" not in package, name


def test_installed_are_the_versions_of_the_lock() -> None:
    for name, version in PINNED.items():
        assert json.loads((node.PACKAGES / name / "package.json").read_text())["version"] == version


@pytest.mark.without_node
@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)], ids=["elsewhere", "in-ci"])
def test_without_node_the_run_says_what_it_left_out_and_fails_in_ci(ci: str, status: int) -> None:
    # Without the project's settings of pytest: they cost two seconds, and none of them matters here.
    settings = ["-c", os.devnull, "--rootdir", str(ROOT), "-p", "no:django", "-p", "no:anyio", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pytest", *settings, "tests/conformance/test_renewal.py"],
        cwd=ROOT,
        env={**os.environ, "PATH": "/nowhere", "CI": ci},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "4 conformance tests with Microsoft's Node clients were left out: There is no Node here." in done.stdout
    assert ("CI=true: this is a failure." in done.stdout) == (ci == "true")


@pytest.mark.without_node
def test_the_documentation_has_every_row() -> None:
    text = DOCS.read_text()
    rows = [*http_rows.ROWS, *websocket_rows.ROWS, *test_anonymous.HTTP_ROWS, *test_anonymous.WEBSOCKET_ROWS]
    named = set(re.findall(r"`([^`]+)`", text))
    missing = [row.id for row in rows if row.id not in named]
    missing += [case.id for case in (*test_refusals.SENDER_CASES, *test_refusals.REJECTIONS) if case.id not in named]
    assert not missing, missing
    assert not [name for name in (place.LISTEN, place.SEND, place.ANONYMOUS) if name not in text]
