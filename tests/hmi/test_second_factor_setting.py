"""The laxest policy starts on this machine's plain loopback and nowhere else; a misspelt one starts nowhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.demo import ROOT


def start(**more):
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIGHTLINE_")},
        "SIGHTLINE_STATE_DIR": "/nonexistent",
        "SIGHTLINE_SECRET_KEY": "x" * 64,
        **{f"SIGHTLINE_{name}": value for name, value in more.items()},
    }
    command = [sys.executable, "-c", "import hmi.settings; print(hmi.settings.SECOND_FACTOR)"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("address", "policy"),
    [
        ("https://hmi.example.com", "off-on-loopback"),
        ("https://127.0.0.1", "off-on-loopback"),
        ("http://localhost", "of"),
    ],
)
def test_refused(address, policy):
    done = start(PUBLIC_URL=address, SECOND_FACTOR=policy)
    assert done.returncode != 0
    assert "SIGHTLINE_SECOND_FACTOR" in done.stderr


def test_everybody_by_default():
    assert start(PUBLIC_URL="https://hmi.example.com").stdout.strip() == "always"
