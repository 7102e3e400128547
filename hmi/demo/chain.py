"""Start the four programs in order, wait until each is ready, watch them, stop them all."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from hmi.demo.setting import LOOPBACK, DemoError, Setting

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
READY_DEADLINE = 60.0  # seconds for one program to get ready, on a slow machine
STOP_DEADLINE = 5.0  # seconds from SIGTERM to SIGKILL


@dataclass
class Program:
    """One of the four. ``ready`` is what its log says when it is."""

    name: str
    command: list[str]
    ready: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    reported: bool = False


class Chain:
    """The running demo."""

    def __init__(self, setting: Setting, *, record: Path | None = None) -> None:
        self.setting = setting
        plain = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.relay = Program(
            "relay",
            [
                str(BIN / "sightline-relay"),
                "--listen",
                f"{LOOPBACK}:{setting.relay_port}",
                "--config",
                str(setting.relay_config),
            ],
            "listening on",
            plain,
        )
        if record is not None:
            self.relay.command += ["--record", str(record.resolve())]
        self.plant = Program(
            "plant", [str(BIN / "sightline-plant"), "--listen", f"{LOOPBACK}:{setting.plant_port}"], "listens at", plain
        )
        self.agent = Program(
            "agent", [str(BIN / "sightline-site"), "run", "--config", str(setting.site_config)], "listening", plain
        )
        self.web = Program(
            "web app",
            # Sockets live as long as the page; daphne would cut them after a day.
            [
                str(BIN / "daphne"),
                "-b",
                LOOPBACK,
                "-p",
                str(setting.web_port),
                "--websocket_timeout",
                "-1",
                "hmi.asgi:application",
            ],
            "",
            {**setting.environment, "PYTHONUNBUFFERED": "1"},
        )
        self.programs = [self.relay, self.plant, self.agent, self.web]
        self._stopping = False

    def run(self) -> int:
        """Until Ctrl-C or SIGTERM. Exit status 0 when stopped by the user."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._stop)  # the terminal was closed
        try:
            # The relay first: the site is provisioned through its management port.
            self._start(self.relay)
            self._wait_ready(self.relay)
            people = self._set_up()
            others = [program for program in self.programs if program is not self.relay]
            for program in others:
                self._start(program)
            for program in others:
                self._wait_ready(program)
            self._say_ready(people)
            while not self._stopping:
                self._report_dead()
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            self._stop_all()
        return 0

    def _stop(self, *_: object) -> None:
        if self._stopping:
            return
        self._stopping = True
        raise KeyboardInterrupt

    # --- setting up -----------------------------------------------------------------------------------------------

    def _set_up(self) -> list[dict[str, str]]:
        """Database, static files, the site, the people. Everything is found again at the second start."""
        os.environ.update(self.setting.environment)
        import django  # noqa: PLC0415 - the settings must stand in the environment first

        django.setup()
        logging.disable(logging.WARNING)  # the demo says what there is when it is ready, and nothing before
        from django.core.management import call_command  # noqa: PLC0415
        from django.core.management.base import CommandError  # noqa: PLC0415

        from hmi.demo.people import ensure_people  # noqa: PLC0415
        from hmi.demo.site import ensure_site  # noqa: PLC0415

        try:
            call_command("migrate", verbosity=0, interactive=False)
            call_command("collectstatic", verbosity=0, interactive=False)
            ensure_site(self.setting)
        except CommandError as error:
            raise DemoError(str(error)) from None
        return ensure_people(self.setting)

    # --- programs -------------------------------------------------------------------------------------------------

    def _start(self, program: Program) -> None:
        with self._log_path(program).open("wb") as log:
            # A session of its own: Ctrl-C reaches this program alone, which then stops the others in order.
            program.process = subprocess.Popen(  # noqa: S603 - our own programs, from our own environment
                program.command, cwd=ROOT, env=program.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def _wait_ready(self, program: Program) -> None:
        assert program.process is not None  # noqa: S101 - started just before
        deadline = time.monotonic() + READY_DEADLINE
        while time.monotonic() < deadline:
            if program.process.poll() is not None:
                raise DemoError(f"the {program.name} did not start: {self._last_words(program)}")
            if self._is_ready(program):
                return
            time.sleep(0.1)
        raise DemoError(f"the {program.name} was not ready after {READY_DEADLINE:.0f} s: {self._last_words(program)}")

    def _is_ready(self, program: Program) -> bool:
        if program.ready:
            return program.ready in self._log_path(program).read_text(encoding="utf-8", errors="replace")
        try:
            with urllib.request.urlopen(f"{self.setting.url}/sign-in/", timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _report_dead(self) -> None:
        for program in self.programs:
            process = program.process
            if process is not None and process.poll() is not None and not program.reported:
                program.reported = True
                print(
                    f"The {program.name} has stopped (status {process.returncode}). The others go on. "
                    f"Start it again with:\n  {shlex.join(program.command)}",
                    flush=True,
                )

    def _stop_all(self) -> None:
        self._stopping = True
        alive = [program.process for program in reversed(self.programs) if program.process is not None]
        for process in alive:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)  # one that was frozen could not stop
                process.terminate()
        deadline = time.monotonic() + STOP_DEADLINE
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # --- words ----------------------------------------------------------------------------------------------------

    def _say_ready(self, people: list[dict[str, str]]) -> None:
        print(f"Sightline is ready at {self.setting.url}", flush=True)
        print(f"Sign-ins (also in {self.setting.credentials}):")
        width = max(len(entry["role"]) for entry in people)
        for entry in people:
            print(f"  {entry['role']:<{width}}  {entry['username']}  {entry['password']}")
        print("Ctrl-C stops everything.", flush=True)

    def _log_path(self, program: Program) -> Path:
        return self.setting.log_dir / f"{program.name.replace(' ', '-')}.log"

    def _last_words(self, program: Program) -> str:
        lines = self._log_path(program).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return (lines[-1] if lines else "it said nothing") + f" (whole log: {self._log_path(program)})"
