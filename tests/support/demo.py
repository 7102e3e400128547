"""The running demo as tests see it: its address, its sign-ins, its programs to kill, freeze and bring back."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"^Sightline is ready at (http://127\.0\.0\.1:\d+)$")
READY_DEADLINE = 120.0  # seconds
PATIENCE = 30.0  # seconds on a busy machine; what is promised sooner is waited for with its own number
COMMANDS = {"plant": "sightline-plant", "relay": "sightline-relay", "agent": "sightline-site", "web": "daphne"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, within: float = PATIENCE) -> float:
    """Poll until ``condition()`` is true; returns the seconds it took, fails the test when ``within`` has passed."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < within, f"{what}: not within {within} s"
        time.sleep(0.05)
    return time.monotonic() - start


def _takes_calls(port: int) -> bool:
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex(("127.0.0.1", port)) == 0


class Demo:
    """One ``make demo``, started as a user starts it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.record = directory / "relay-record"
        self.lines: list[str] = []
        self._returned: list[psutil.Process] = []  # killed here and brought back here: no children of the demo
        self._ready = threading.Event()
        command = [sys.executable, "-m", "hmi.demo", "--port", str(self.port), "--dir", str(directory)]
        self._process = subprocess.Popen(
            [*command, "--record", str(self.record)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        deadline = time.monotonic() + READY_DEADLINE
        while not self._ready.wait(0.1):
            assert self._process.poll() is None, "the demo ended: " + "\n".join(self.lines)
            assert time.monotonic() < deadline, "the demo was not ready in time: " + "\n".join(self.lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if READY.match(line.strip()):
                self._ready.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def password(self, role: str) -> tuple[str, str]:
        people = json.loads((self.directory / "credentials.json").read_text())
        for person in people:
            if person["role"] == role:
                return person["username"], person["password"]
        raise AssertionError(f"no sign-in for {role}")

    # --- programs ---------------------------------------------------------------------------------------------------

    def find(self, name: str) -> psutil.Process:
        """The running program; ``name`` is plant, relay, agent or web."""
        wanted = COMMANDS[name]
        for process in psutil.Process(self._process.pid).children(recursive=True) + self._returned:
            try:
                if any(Path(part).name == wanted for part in process.cmdline()) and process.status() != "zombie":
                    return process
            except psutil.NoSuchProcess:
                continue
        raise AssertionError(f"{name} is not running")

    def kill(self, name: str) -> Callable[[], None]:
        """Kill a program; the returned function starts it again exactly as it was started.

        It returns once the program takes calls where it took them before: how long an interpreter needs to start on a
        busy machine says nothing about how fast the others find the program again.
        """
        process = self.find(name)
        ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        command, environment, folder = process.cmdline(), process.environ(), process.cwd()
        process.kill()
        process.wait(5)

        def bring_back() -> None:
            log = (self.directory / "log" / f"{name}-again.log").open("ab")
            again = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._returned.append(psutil.Process(again.pid))
            for port in ports:
                wait_for(lambda port=port: _takes_calls(port), f"{name} listening on {port} again", within=60)

        return bring_back

    def freeze(self, name: str) -> Callable[[], None]:
        """SIGSTOP a program; the returned function lets it run again."""
        process = self.find(name)
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)

    def manage(self, *arguments: str) -> str:
        """``manage.py`` on the demo's own database, as an admin on the machine would call it."""
        lines = shlex.split((self.directory / "manage.env").read_text())
        environment = {**os.environ, **dict(line.split("=", 1) for line in lines if line != "export")}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            check=False,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self) -> int:
        """Ctrl-C, as a user does it; returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(20)
        for process in self._returned:
            if process.is_running():
                process.kill()
                process.wait(5)
        return status


# --- what must never leave it -----------------------------------------------------------------------------------------

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+([^-]+)-----END")
_QUOTED_KEYS = re.compile(r'"(?:primary_key|secondary_key|d)":\s*"([^"]{20,})"')


def secrets_of(directory: Path) -> dict[str, str]:
    """Every secret value of a demo, with words that name it: passwords, keys, sessions, digests, factors."""
    found = {person["password"]: "a person's password" for person in json.loads(_read(directory / "credentials.json"))}
    found[_read(directory / "secret-key").strip()] = "the web app's secret"
    found[_read(directory / "relay-management.token").strip()] = "the token of the relay's management port"
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.stat().st_size > 1_000_000 or "relay-record" in path.parts:
            continue
        name = str(path.relative_to(directory))
        if path.suffix == ".pem":
            for block in _PRIVATE_KEY.findall(_read(path)):
                # Line by line: a log would cut a key at its line breaks.
                found |= dict.fromkeys(block.split(), f"the private key {name}")
        elif path.suffix == ".json":
            found |= dict.fromkeys(_QUOTED_KEYS.findall(_read(path)), f"a key in {name}")
        elif path.suffix == ".send":
            found[_read(path).strip()] = "a Send key"
        elif path.name == "relay-listen":
            found[_read(path).partition("SharedAccessKey=")[2].partition(";")[0]] = "a Listen key"
    found |= _secrets_in(directory / "state" / "sightline.sqlite3")
    found.pop("", None)
    return found


def _secrets_in(database: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        for (key,) in connection.execute("SELECT session_key FROM django_session"):
            found[key] = "a session's key"
        for (digest,) in connection.execute("SELECT password FROM accounts_user"):
            found[digest] = "a password's digest"
        for (data,) in connection.execute("SELECT data FROM mfa_authenticator"):
            found |= dict.fromkeys(_texts(json.loads(data)), "a second factor as it is stored")
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) >= 16 else []
    nested = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in nested for text in _texts(each)]


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
