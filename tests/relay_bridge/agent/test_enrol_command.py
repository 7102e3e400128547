"""``sightline-site enrol`` as a program: one sentence, exit code 1, nothing left behind, and no code in a history."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from relay_bridge.agent import enrol as enrol_module
from relay_bridge.agent.cli import main
from relay_bridge.contract.enrolment import make_code
from tests.relay_bridge.agent.test_cli import START

NOBODY = "http://127.0.0.1:9"


def enrol(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, "enrol", *arguments, "--dir", str(folder / "site")]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        (("https://hmi.example.com", "AAAA-BBBB"), "", "no enrolment code"),
        (("https://hmi.example.com",), "", "no enrolment code"),
        (("http://hmi.example.com", make_code()), "", "https only"),
        (("https://hmi.example.com", make_code(), "--ca", "/nowhere"), "", "--ca"),
    ],
    ids=["slip", "nothing typed", "plain http", "no authority"],
)
def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...], typed: str, words: str) -> None:
    result = enrol(tmp_path, *arguments, typed=typed)
    assert result.returncode == 1, result.stderr
    assert result.stderr.count("\n") == 1 and words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_code_may_be_piped_in_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three tries to reach a web app that is not there, and then a sentence."""
    code = make_code()
    monkeypatch.setattr(enrol_module, "PAUSE", 0.01)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
    assert main(["enrol", NOBODY, "-", "--dir", str(tmp_path / "site")]) == 1
    said = capsys.readouterr()
    assert "cannot be reached" in said.err and code not in said.out + said.err
    assert list(tmp_path.iterdir()) == []


def test_wrong_command_line_is_exit_code_two(tmp_path: Path) -> None:
    assert enrol(tmp_path).returncode == 2
