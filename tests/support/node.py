"""Find Node and npm for the tests that need them, and install their packages by lock and hash.

There are two folders of packages: Microsoft's clients of Azure Relay, for the conformance tests, and an OPC UA server
that shares no code with our client library, for the tests of the agent's driver.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
OLDEST = 18  # major version of Node
INSTALL_DEADLINE = 300.0  # seconds, for each package manager


@dataclass(frozen=True)
class Packages:
    """A folder with package.json and package-lock.json; ``what`` is installed there, in words."""

    folder: Path
    what: str

    @property
    def stamp(self) -> Path:
        return self.folder / "node_modules" / ".sightline-stamp"

    @property
    def wanted(self) -> str:
        """What the stamp holds when the installed packages are those of the lock."""
        content = b"".join((self.folder / name).read_bytes() for name in ("package.json", "package-lock.json"))
        return hashlib.sha256(content).hexdigest()

    @property
    def installed(self) -> bool:
        return self.stamp.is_file() and self.stamp.read_text() == self.wanted


RELAY_CLIENTS = Packages(_TESTS / "conformance" / "node", "Microsoft's Node clients")
OPCUA_SERVER = Packages(_TESTS / "support" / "opcua_node", "The packages of the OPC UA server")
FOLDER = RELAY_CLIENTS.folder
PACKAGES = FOLDER / "node_modules"


class NodeMissing(Exception):  # noqa: N818 - the name says what is wrong
    """There is no usable Node here, or its packages are not installed; one sentence says what to do."""


def find(packages: Packages = RELAY_CLIENTS) -> str:
    """Path of a Node that can run what is in ``packages`` now. Raises ``NodeMissing``."""
    node = _find_node()
    if not packages.installed:
        raise NodeMissing(f"{packages.what} are not installed; run: .venv/bin/python -m tests.support.node --ensure")
    return node


def ensure(packages: Packages = RELAY_CLIENTS) -> str:
    """Path of a Node, installed first where that is possible, with the packages of the lock in their folder.

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
    if not packages.installed:
        # No script of any package is run; what is unpacked has the hashes of the lock.
        command = (_find_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        done = _run(*command, folder=packages.folder)
        if done.returncode != 0:
            raise NodeMissing(f"npm could not install {packages.what}: {_first_line(done.stderr)}")
        packages.stamp.write_text(packages.wanted)
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


def _run(*command: str, folder: Path = _TESTS) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE
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
    for packages, tests in ((RELAY_CLIENTS, "Conformance tests"), (OPCUA_SERVER, "Tests of the OPC UA driver")):
        try:
            print(f"{tests} use {ensure(packages) if options.ensure else find(packages)}")
        except NodeMissing as error:
            # The tests decide what it means: left out and said so, or, where CI is set, a failure.
            print(f"{tests} with Node will be left out: {error}")


if __name__ == "__main__":
    main()
