"""The measured site: relay, agent and web app as programs of their own on loopback, in a folder that goes away.

The measuring process has the same settings and the same database, so it can be the web app's gateway itself
(read_path.py), and sign people in for the phones that it plays (fan_out.py).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

from benchmarks.people import Person, make_people
from benchmarks.programs import LOOPBACK, Program, free_port
from benchmarks.sizes import TANKS

SLUG = "bench"
FILES = 8192  # open files that a process with a thousand sockets may need
BIN = Path(sys.executable).parent
PUBLIC_URL = "http://127.0.0.1:8000"  # the origin that phones name; the web app is really on a free port
SOURCE = """
[limits]
requests_per_second = 100000

[[source]]
id = "main"
kind = "memory"
"""
TANK = """
[[tank]]
id = "TK-%(id)d"
source = "main"
area = "%(area)s farm"
map = { level = "Level", level_rate = "Rate" }
limits = { ll = 0.5, l = 1.0, h = 13.0, hh = 14.0 }
"""
WEB_SERVERS: Mapping[str, tuple[str, ...]] = {
    "daphne": ("-b", LOOPBACK, "--websocket_timeout", "-1"),
    "uvicorn": ("--host", LOOPBACK, "--log-level", "warning"),
}


class BenchSite:
    """Made by ``running_site``."""

    def __init__(self, folder: Path, environment: dict[str, str], tags: str = "") -> None:
        self.folder = folder
        self._tags = tags or _tags()
        self.environment = environment
        self.site: Any = None
        self.relay: Program
        self.agent: Program
        self.direct_port = 0  # of the agent's door without relay and TLS
        self.people: list[Person] = []
        self._stop = contextlib.ExitStack()

    async def start(self, people: int) -> None:
        relay_file = self.folder / "relay.toml"
        listen = ("--listen", f"{LOOPBACK}:0", "--config", str(relay_file), "--log-level", "warning")
        self.relay = self._start("relay", "sightline-relay", *listen)
        await self.relay.wait_for_words(r"listening on ws://")
        site_file = await sync_to_async(self._provision)(people)
        self.agent = self._run("agent", sys.executable, "-m", "benchmarks.agent_process", str(site_file))
        self.direct_port = int(await self.agent.wait_for_words(r"direct (\d+)\n"))

    def _provision(self, people: int) -> Path:
        import django  # noqa: PLC0415 - the settings must stand in the environment first

        django.setup()
        from django.core.management import call_command  # noqa: PLC0415

        from hmi.sites.provisioning import SitePlan, provision_site  # noqa: PLC0415

        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        plan = SitePlan(SLUG, "Bench Terminal", self.folder / "site")
        made = provision_site(plan, dt.datetime.now(dt.UTC))
        self.site = made.site
        self.people = make_people(made.site, people)
        made.site_file.write_text(made.site_file.read_text() + self._tags)
        return made.site_file

    async def start_web(self, server: str, port: int = 0) -> tuple[Program, int]:
        """A web app of its own on ``server``, and its port. Stop it when it is no longer needed.

        A browser needs it on the ``port`` that ``running_site`` was told of.
        """
        port = port or free_port()
        options = ("-p" if server == "daphne" else "--port", str(port), *WEB_SERVERS[server])
        web = self._start(server, server, *options, "hmi.asgi:application")
        await web.wait_for_port(port)
        return web, port

    def change(self, levels: int, rates: int = 0) -> None:
        """So many levels and level rates change once a second from now on."""
        self.agent.say(f"change {levels} {rates}")

    def _start(self, name: str, program: str, *arguments: str) -> Program:
        return self._run(name, str(BIN / program), *arguments)

    def _run(self, name: str, *command: str) -> Program:
        program = Program.start(name, command, self.environment, self.folder)
        self._stop.callback(program.stop)
        return program

    def stop(self) -> None:
        self._stop.close()


@contextlib.asynccontextmanager
async def running_site(people: int, tags: str = "", port: int = 0) -> AsyncIterator[BenchSite]:
    """Relay and agent running, ``people`` signed in; everything is stopped and removed at the end.

    ``tags``: the rest of ``site.toml`` where it is not the usual site. ``port``: of the public address, where a real
    browser comes and the web app must really be there.
    """
    _allow_many_files()
    folder = Path(tempfile.mkdtemp(prefix="sightline-bench-"))
    environment = _environment(folder)
    if port:
        environment["SIGHTLINE_PUBLIC_URL"] = f"http://{LOOPBACK}:{port}"
    os.environ.update(environment)
    site = BenchSite(folder, environment, tags)
    try:
        await site.start(people)
        yield site
    finally:
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of another Sightline may leak in: its database is not to be measured."""
    for name in [name for name in os.environ if name.startswith("SIGHTLINE_")]:
        del os.environ[name]
    (folder / "state").mkdir(mode=0o700)
    management = f"{LOOPBACK}:{free_port()}"
    (folder / "relay.toml").write_text(
        f'[management]\nlisten = "{management}"\ntoken_file = "relay.token"\nstate_file = "relay.json"\n'
    )
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "hmi.settings",
        "PYTHONUNBUFFERED": "1",
        "SIGHTLINE_STATE_DIR": str(folder / "state"),
        "SIGHTLINE_GRANT_APPROVAL": "0",  # nobody is there to approve
        "SIGHTLINE_SECRET_KEY": secrets.token_urlsafe(64),
        "SIGHTLINE_PUBLIC_URL": PUBLIC_URL,
        "SIGHTLINE_SECOND_FACTOR": "off-on-loopback",  # its sessions are written by hand, with a password's worth
        "SIGHTLINE_RELAY_MANAGEMENT": f"http://{management}",
        "SIGHTLINE_RELAY_MANAGEMENT_TOKEN_FILE": str(folder / "relay.token"),
        "SIGHTLINE_LOG_LEVEL": "WARNING",
    }


def _tags() -> str:
    numbers = [101 + place for place in range(TANKS)]
    values = ", ".join(f'"TK-{number}.level" = 5.0, "TK-{number}.level_rate" = 0.0' for number in numbers)
    tanks = (TANK % {"id": number, "area": "North" if number % 2 else "South"} for number in numbers)
    return f"{SOURCE}values = {{ {values} }}\n{''.join(tanks)}"


def _allow_many_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def own_cpu() -> float:
    """CPU seconds of this process so far."""
    return time.process_time()
