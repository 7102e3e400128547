"""A real site with a pump that may be changed, and people in front of its pages who have just shown a second factor."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings as django_settings
from django.test import AsyncClient

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from hmi.controls.models import Change, State
from hmi.live.demand import provider
from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.agent.drivers.memory import MemoryDriver
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person, asign_in

PLANT = """
[[source]]
id = "main"
kind = "memory"
values = { "P-101.sp" = 60.0, "P-101.run" = false, "P-102.sp" = 40.0 }
[[tag]]
id = "P-101.sp"
name = "Setpoint"
asset = "P-101"
source = "main"
area = "North farm"
unit = "%"
decimals = 1
[[tag]]
id = "P-101.run"
name = "Running"
asset = "P-101"
canon = "run"
kind = "bool"
source = "main"
area = "North farm"
[[tag]]
id = "P-102.sp"
name = "Setpoint"
asset = "P-102"
source = "main"
area = "North farm"
unit = "%"
decimals = 1
[[write]]
tag = "P-101.sp"
type = "double"
min = 20.0
max = 110.0
step = 0.5
max_step = 15.0
min_interval_s = 0
settle_s = 0
[[write]]
tag = "P-102.sp"
type = "double"
min = 0.0
max = 100.0
min_interval_s = 0
settle_s = 0
confirm = "two_person"
[[command]]
id = "P-101.start"
name = "Start"
node = "s=P-101"
method = "P-101.run=true"
expect = { tag = "P-101.run", equals = false }
done = true
min_interval_s = 0
settle_s = 0
[limits]
writes_per_minute_user = 60
writes_per_minute_site = 60
"""
SETPOINT = "/sites/north/setpoints/P-101.sp/"
WITNESSED = "/sites/north/setpoints/P-102.sp/"
START = "/sites/north/commands/P-101.start/"
DEADLINE = 15.0  # seconds for anything to come about on a busy machine


class PumpSite(Terminal):
    """The same terminal, with a pump instead of tanks."""

    async def start_agent(self) -> None:
        head = self._head.replace("allow_writes = false", "allow_writes = true")
        self._site_file.write_text(head + PLANT)
        self.agent = SiteAgent(load_config(self._site_file), lease=self.lease, heartbeat=self.heartbeat)
        self._agent_task = asyncio.create_task(self.agent.run())
        await self.agent.uplink.wait_online()
        # Only what no earlier run can have admitted is let in at first: that wait is tested with the agent.
        self.agent.site.admission.memory._blind_until = 0.0
        acting = self.agent.site.acting
        assert acting is not None
        await until(lambda: not any(map(acting.openings.reason, acting.openings.writes.values())), "the entries open")

    def journal(self) -> str:
        """What the agent has written down."""
        return "".join(path.read_text() for path in sorted(self._site_file.parent.glob("audit/*.jsonl")))

    @property
    def pump(self) -> MemoryDriver:
        driver = self.agent.drivers["main"]
        assert isinstance(driver, MemoryDriver)
        return driver


class Operator(AsyncClient):
    """Somebody at a phone: each request in a thread of its own, as a running web app does it."""

    person: Any = None
    session: Any = None

    async def request(self, **request: Any) -> Any:
        async with ThreadSensitiveContext():
            return await super().request(**request)

    async def fill_in(self, path: str, **fields: str) -> Any:
        """Open a dialog and send its form."""
        return await self.post(path, {"ticket": await self.ticket(path), "why": "as planned", **fields})

    async def ticket(self, path: str) -> str:
        """What a freshly opened dialog carries."""
        page = text_of(await self.get(path))
        found = re.search(r'name="ticket" value="([^"]+)"', page)
        assert found is not None, page
        return html.unescape(found[1])

    async def settled(self, address: str) -> Change:
        """The change behind a page, once it is no longer on its way."""
        key = address.rstrip("/").rpartition("/")[2]
        await until(lambda: self.get(address), "the page answers")
        found: list[Change] = []

        async def over() -> bool:
            found[:] = [await Change.objects.select_related("site", "person", "approver").aget(pk=key)]
            return found[0].state != State.SENDING

        await until(over, "the change has an outcome")
        return found[0]


async def operator(name: str, role: str, terminal: Terminal, *, confirmed: bool = True) -> Operator:
    person = await amake_person(name)
    await agive(person, role, terminal.site)
    client = Operator()
    client.person, client.session = person, await asign_in(person)
    if confirmed:
        await confirm(client)
    client.cookies[django_settings.SESSION_COOKIE_NAME] = client.session.session_key
    return client


@sync_to_async
def confirm(client: Operator) -> None:
    """As /confirm/ leaves the session behind."""
    client.session[AMR] = ["pwd", "otp", "mfa"]
    client.session[STEPPED_UP_AT], client.session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
    client.session.save()


async def link_is_live(terminal: Terminal, client: Operator) -> None:
    """Somebody looked at the page of the pump: from then on the link stands."""
    await client.get("/sites/north/units/P-101/")
    link = provider().link(terminal.site)
    await until(lambda: link.state.phase == "live", "the link is live")


async def until(holds: Callable[[], Any | Awaitable[Any]], what: str) -> None:
    """Wait until ``holds`` answers something true."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                answer = holds()
                if await answer if isinstance(answer, Awaitable) else answer:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE:.0f} s: {what}") from None


def text_of(response: Any) -> str:
    """The page with its sentences whole: without the marks around names, and in one line."""
    page = str(response.content.decode())
    return " ".join(re.sub(r"</?bdi[^>]*>", "", page).split())
