"""From a code to a value: the real command, the real web app over HTTP, the real relay, nothing carried by hand."""

from __future__ import annotations

import asyncio
import io
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from accounts.buckets import Buckets
from hmi.sites import enrolment, enrolment_views
from hmi.sites.access import aget_site_for
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.gateway import Gateway
from hmi.sites.models import Conduit, Site
from hmi.sites.provisioning import SitePlan, provision_site
from relay_bridge.agent.check import check
from relay_bridge.agent.enrol import Enrolment as Wanted
from relay_bridge.agent.enrol import enrol
from relay_bridge.agent.enrol_http import EnrolError
from tests.hmi.sites.people import give
from tests.hmi.sites.running_site import TANKS, RunningSite, run_relay
from tests.support.web_server import serving

pytestmark = pytest.mark.django_db(transaction=True)
DEADLINE = 20.0  # seconds for anything that the two programs wait for


class Screen(io.StringIO):
    """A terminal that somebody reads: what was said so far, and an event for what is waited for."""

    def comparison(self) -> str:
        lines = [line.strip() for line in self.getvalue().splitlines()]
        return next((line for line in lines if line.count("-") == 3 and len(line) == 19), "")


@pytest.fixture
async def web(settings: Any, monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> AsyncIterator[str]:
    for name in ("_by_source", "_refused_by_source", "_recorded_by_source"):
        monkeypatch.setattr(enrolment_views, name, Buckets(600, 600))
    monkeypatch.setattr(enrolment, "POLL", 0.05)
    async with run_relay(), serving(settings) as origin:
        yield origin


async def new_site() -> tuple[Site, str]:
    made = await sync_to_async(provision_site)(SitePlan("north", "North Terminal", None), timezone.now())
    return made.site, (await sync_to_async(enrolment.make_enrolment)(made.site, "dora", timezone.now()))[1]


async def read_out(screen: Screen, task: asyncio.Task[Path]) -> str:
    async with asyncio.timeout(DEADLINE):
        while not screen.comparison():
            if task.done():
                task.result()
            await asyncio.sleep(0.02)
    return screen.comparison()


async def confirm(typed: str) -> str:
    row = await Enrolment.objects.alatest("made_at")
    return await sync_to_async(enrolment.confirm)(row, typed, "dora", timezone.now())


async def test_from_a_code_to_a_value(web: str, tmp_path: Path, gateway: Gateway, alice: Any) -> None:
    site, code = await new_site()
    screen, folder = Screen(), tmp_path / "agent"
    enrolling = asyncio.create_task(enrol(Wanted(web, code, folder), screen))
    shown = await read_out(screen, enrolling)
    assert not folder.exists()
    await confirm(shown)
    async with asyncio.timeout(DEADLINE):
        site_file = await enrolling

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes["secrets"] == modes["trust"] == 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert modes["relay-listen"] == modes["agent.key.pem"] == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "agent" in path.name) == ["agent"]
    assert code not in "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert (await Enrolment.objects.alatest("made_at")).state == Enrolment.State.DONE

    site_file.write_text(site_file.read_text() + TANKS)
    assert await check(site_file, io.StringIO()) == []
    running = RunningSite(site, folder, None)  # type: ignore[arg-type] # its relay is not asked for
    await running.start_agent()
    try:
        await sync_to_async(give)(alice, "viewer", site)
        readings = await gateway.read(await aget_site_for(alice, "north"), ["TK-101.level"])
        assert readings["TK-101.level"].value == 12.345
    finally:
        await running.stop_agent()


async def test_refused_agent_leaves_nothing(web: str, tmp_path: Path) -> None:
    _, code = await new_site()
    screen, folder = Screen(), tmp_path / "new" / "agent"
    enrolling = asyncio.create_task(enrol(Wanted(web, code, folder), screen))
    await read_out(screen, enrolling)
    row = await Enrolment.objects.alatest("made_at")
    await sync_to_async(enrolment.refuse)(row, "dora", timezone.now())
    with pytest.raises(EnrolError, match="not accepted"):
        await enrolling
    assert not (tmp_path / "new").exists()


async def test_interrupted_agent_leaves_nothing(web: str, tmp_path: Path) -> None:
    _, code = await new_site()
    screen = Screen()
    enrolling = asyncio.create_task(enrol(Wanted(web, code, tmp_path / "new" / "agent"), screen))
    await read_out(screen, enrolling)
    enrolling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await enrolling
    assert not (tmp_path / "new").exists()


async def test_existing_site_is_replaced_only_when_asked(web: str, tmp_path: Path) -> None:
    site, code = await new_site()
    folder = tmp_path / "agent"
    first = asyncio.create_task(enrol(Wanted(web, code, folder), screen := Screen()))
    await confirm(await read_out(screen, first))
    site_file = await first
    site_file.write_text(site_file.read_text() + TANKS)
    old = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    _, code = await sync_to_async(enrolment.make_enrolment)(site, "dora", timezone.now())
    with pytest.raises(EnrolError, match="--replace"):
        await enrol(Wanted(web, code, folder), Screen())

    again = asyncio.create_task(enrol(Wanted(web, code, folder, replace=True), screen := Screen()))
    await confirm(await read_out(screen, again))
    await again

    assert site_file.read_text() == old[site_file]
    key = folder / "secrets/agent.key.pem"
    assert key.read_text() != old[key] and stat.S_IMODE(key.stat().st_mode) == 0o600
    (before,) = folder.glob("before-enrolment-*")
    assert (before / "secrets/agent.key.pem").read_text() == old[key]
    assert stat.S_IMODE(before.stat().st_mode) == 0o700
    assert not list(folder.glob(".*"))
    assert (folder / "trust/agent.cert.pem").read_text() == (await Conduit.objects.aget()).agent_pin
    assert await check(site_file, io.StringIO()) == []


async def test_folder_of_another_site_is_left_alone(web: str, tmp_path: Path) -> None:
    _, code = await new_site()
    folder = tmp_path / "agent"
    folder.mkdir()
    (folder / "site.toml").write_text('[site]\nid = "south"\nname = "S"\n')
    with pytest.raises(EnrolError, match=r'\[site\] id is not "north"'):
        await enrol(Wanted(web, code, folder, replace=True), Screen())
    assert [path.name for path in folder.iterdir()] == ["site.toml"]
