"""Find Node and npm for the conformance tests, and install Microsoft's clients of Azure Relay by lock and hash."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "conformance" / "node"
PACKAGES = FOLDER / "node_modules"
STAMP = PACKAGES / ".sightline-stamp"
OLDEST = 18  # major version of Node
INSTALL_DEADLINE = 300.0  # seconds, for each package manager


class NodeMissing(Exception):  # noqa: N818 - the name says what is wrong
    """There is no usable Node here, or its packages are not installed; one sentence says what to do."""


def find() -> str:
    """Path of a Node that can run the clients now. Raises ``NodeMissing``."""
    node = _find_node()
    if not _installed():
        raise NodeMissing(
            "Microsoft's Node clients are not installed; run: .venv/bin/python -m tests.support.node --ensure"
        )
    return node


def ensure() -> str:
    """Path of a Node, installed first where that is possible, with the packages of the lock beside it.

    Costs nothing when all is there. Raises ``NodeMissing``.
    """
    try:
        node = _find_node()
        _find_npm()
    except NodeMissing:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "nodejs", "npm")
        node = _find_node()
    if not _installed():
        # No script of any package is run; what is unpacked has the hashes of the lock.
        done = _run(_find_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        if done.returncode != 0:
            raise NodeMissing(f"npm could not install Microsoft's Node clients: {_first_line(done.stderr)}")
        STAMP.write_text(_wanted())
    return node


def _find_node() -> str:
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        raise NodeMissing(f"There is no Node here. Put node (version {OLDEST} or newer) and npm on PATH")
    version = _run(node, "--version").stdout.strip()
    major = version.removeprefix("v").partition(".")[0]
    if not major.isdecimal() or int(major) < OLDEST:
        raise NodeMissing(f"Node {version or 'without a version'} is too old; {OLDEST} or newer is needed")
    return node


def _find_npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise NodeMissing("There is Node here, but no npm. Put npm on PATH")
    return npm


def _wanted() -> str:
    """What the stamp holds when the installed packages are those of the lock."""
    content = b"".join((FOLDER / name).read_bytes() for name in ("package.json", "package-lock.json"))
    return hashlib.sha256(content).hexdigest()


def _installed() -> bool:
    return STAMP.is_file() and STAMP.read_text() == _wanted()


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=FOLDER, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NodeMissing(f"{Path(command[0]).name} did not work: {type(error).__name__}") from error


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "it did not say why"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.node", description=__doc__)
    parser.add_argument("--ensure", action="store_true", help="install what is missing, where that is possible")
    options = parser.parse_args()
    try:
        print(f"Conformance tests use {ensure() if options.ensure else find()}")
    except NodeMissing as error:
        # The tests decide what it means: left out and said so, or, where CI is set, a failure.
        print(f"Conformance tests with Node will be left out: {error}")


if __name__ == "__main__":
    main()
