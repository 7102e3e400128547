"""Where ends of access are measured: sites with their agents, two web processes on one database, people who watch.

Everything is a program of its own; a watching phone is a real socket that notes when it got its last value.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websockets
from asgiref.sync import sync_to_async

from benchmarks.measured_site import PUBLIC_URL, BenchSite, _tags
from benchmarks.people import Person, make_people
from benchmarks.programs import LOOPBACK, BenchError, Program, free_port
from benchmarks.worker import Worker

OPEN_DEADLINE = 30.0  # seconds until a page shows live values
OVER_DEADLINE = 45.0  # seconds until a page is over: more than any promise
COOKIE = "sightline"
WEBS = 2
EXPIRY_STEP = 0.03  # seconds between the ends of two grants


@dataclass
class Place:
    """One site with its agent. ``journal``: the folder of the agent's journal."""

    site: Any
    agent: Program
    journal: Path


@dataclass
class Watcher:
    """A person with a page at each web process. ``facts`` name what a change of access touches."""

    person: Person
    facts: dict[str, Any]
    pages: list[WatchedPage] = field(default_factory=list)
    changed_at: float = 0.0  # epoch seconds


class WatchedPage:
    """One socket. Times in epoch seconds; 0 until it happened."""

    def __init__(self, port: int, slug: str, session_key: str) -> None:
        self.live = asyncio.Event()
        self.over = asyncio.Event()
        self.last_data = 0.0
        self.over_at = 0.0
        self.code: int | None = None
        self._address = f"ws://{LOOPBACK}:{port}/ws/sites/{slug}/"
        self._headers = {"Cookie": f"{COOKIE}={session_key}"}
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._task = asyncio.create_task(self._run())
        async with asyncio.timeout(OPEN_DEADLINE):
            waiting = {asyncio.ensure_future(self.live.wait()), self._task}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not self.live.is_set():
            raise BenchError(f"a page ended before it showed anything, with {self.code}: {self._task.exception()}")

    async def _run(self) -> None:
        async with websockets.connect(
            self._address, origin=PUBLIC_URL, additional_headers=self._headers, compression=None, ping_interval=None,
            close_timeout=1,
        ) as socket:  # fmt: skip
            with contextlib.suppress(websockets.ConnectionClosed):
                async for text in socket:
                    await self._take(json.loads(text), socket)
            self.code = socket.close_code
        self.over_at = self.over_at or time.time()
        self.over.set()

    async def _take(self, frame: dict[str, Any], socket: Any) -> None:
        if frame["k"] in {"s", "d"}:
            self.last_data = time.time()
            await socket.send(json.dumps({"ok": frame["n"]}))
        elif frame["k"] == "bye":
            self.over_at = time.time()
        if frame.get("link", [""])[0] == "live":
            self.live.set()

    async def until_over(self) -> None:
        async with asyncio.timeout(OVER_DEADLINE):
            await self.over.wait()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class RevocationPlace:
    """Made by ``revocation_place``. ``webs``: the two web processes; changes are made in the first."""

    def __init__(self, bench: BenchSite) -> None:
        self.bench = bench
        self.sites = [Place(bench.site, bench.agent, bench.folder / "site" / "audit")]
        self.webs: list[Worker] = []
        self.ports: list[int] = []
        self._roles = 0
        self._people = 0

    async def add_site(self, number: int) -> None:
        slug = f"bench-{number}"
        site, site_file = await sync_to_async(self._provision)(slug)
        command = (sys.executable, "-m", "benchmarks.agent_process", str(site_file))
        agent = Program.start(f"agent-{slug}", command, self.bench.environment, self.bench.folder)
        self.sites.append(Place(site, agent, site_file.parent / "audit"))

    def _provision(self, slug: str) -> tuple[Any, Path]:
        from hmi.sites.provisioning import SitePlan, provision_site  # noqa: PLC0415 - after django.setup

        made = provision_site(SitePlan(slug, slug, self.bench.folder / slug), dt.datetime.now(dt.UTC))
        made.site_file.write_text(made.site_file.read_text() + _tags())
        return made.site, made.site_file

    async def start(self) -> None:
        for place in self.sites[1:]:
            await place.agent.wait_for_words(r"direct (\d+)\n")
        for place in self.sites:
            place.agent.say("change 50 0")
        self.ports = [free_port() for _ in range(WEBS)]
        for port in self.ports:
            command = (sys.executable, "-m", "benchmarks.revocation_web", str(port))
            program = Program.start(f"web-{port}", command, self.bench.environment, self.bench.folder)
            self.webs.append(Worker(program))
        for web, port in zip(self.webs, self.ports, strict=True):
            await web.ask("begin")
            await web.program.wait_for_port(port)

    async def watchers(self, count: int, site: Any = None, ends: float | None = None) -> list[Watcher]:
        """So many new people, each with a role of their own; ``ends``: epoch seconds of the last grant's end."""
        return await sync_to_async(self._make_watchers)(count, site or self.sites[0].site, ends)

    def _make_watchers(self, count: int, site: Any, ends: float | None) -> list[Watcher]:
        from accounts.models import Role  # noqa: PLC0415
        from hmi.sites.models import Grant  # noqa: PLC0415

        made = []
        prefix = f"watcher-{self._people}"
        self._people += 1
        for place, person in enumerate(make_people(site, count, prefix=prefix, grants=False)):
            self._roles += 1
            name = f"measured {self._roles}"
            role = Role.objects.create(
                name=name, slug=f"measured-{self._roles}", scopes="status:read data:live alarm:read"
            )
            now = dt.datetime.now(dt.UTC)
            until = now + dt.timedelta(days=1)
            if ends is not None:
                until = dt.datetime.fromtimestamp(ends - EXPIRY_STEP * (count - 1 - place), dt.UTC)
            grant = Grant.objects.create(
                user=person.user, role=role, site=site, valid_from=now - dt.timedelta(minutes=1), valid_until=until,
                reason="Measurement",
            )  # fmt: skip
            facts = {
                "grant": str(grant.pk), "person": person.user.pk, "session": person.session.session_key,
                "role": role.pk, "site": str(site.pk),
            }  # fmt: skip
            made.append(Watcher(person, facts, changed_at=until.timestamp() if ends is not None else 0.0))
        return made

    async def open(self, watcher: Watcher, slug: str, webs: int = 2) -> None:
        """A page at each of the first ``webs`` processes."""
        watcher.pages = [WatchedPage(port, slug, watcher.facts["session"]) for port in self.ports[:webs]]
        await asyncio.gather(*(page.open() for page in watcher.pages))

    def stop(self) -> None:
        for web in self.webs:
            web.stop()
        for place in self.sites[1:]:
            place.agent.stop()


@contextlib.asynccontextmanager
async def revocation_place(bench: BenchSite, sites: int) -> AsyncIterator[RevocationPlace]:
    place = RevocationPlace(bench)
    try:
        for number in range(1, sites):
            await place.add_site(number)
        await place.start()
        yield place
    finally:
        place.stop()
        bench.change(0)
