"""Under whose access a link streams: renewal, revocation, people without values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection

from hmi.ingest import service_token
from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess, get_site_for
from hmi.sites.models import Conduit, Grant, Site
from hmi.sites.tokens import asite_token_for
from relay_bridge.agent.journal_files import journal_files, read_events
from relay_bridge.contract.audit import AuditEvent
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import Onlooker, eventually, watch_live
from tests.hmi.live.people import agive, amake_person

UNTOLD = 3.0  # seconds from a change that rings no bell; a look comes every second


class Mint:
    """The real token maker, which notes for whom it made one."""

    def __init__(self) -> None:
        self.made_for: list[SiteAccess] = []
        self.scopes: list[set[str]] = []

    async def __call__(self, access: SiteAccess, scopes: Iterable[str]) -> str:
        token = await asite_token_for(access, scopes)
        self.made_for.append(access)
        self.scopes.append(set(scopes))
        return token


@pytest_asyncio.fixture
async def mint() -> Mint:
    return Mint()


@pytest_asyncio.fixture
async def link(terminal: Terminal, mint: Mint) -> AsyncIterator[SiteLink]:
    made = SiteLink(terminal.site, make_token=mint)
    yield made
    await made.close()


async def access_of(name: str, role: str, site: Site) -> SiteAccess:
    person = await amake_person(name)
    await agive(person, role, site)
    return await sync_to_async(get_site_for)(person, site.slug)


async def revoke(access: SiteAccess) -> None:
    grant = await Grant.objects.aget(pk=access.grant_id)
    await sync_to_async(grant.revoke)()


async def test_token_is_narrowed_and_renewed_in_place_before_the_lease_ends(
    transactional_db: None, tmp_path: Path, mint: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_token, "RENEW_AFTER", 0.3)
    terminal = Terminal(tmp_path / "terminal")
    terminal.lease = 1.0
    await terminal.start()
    link = SiteLink(terminal.site, make_token=mint)
    try:
        watcher = await watch_live(link, await access_of("alice", "field-operator", terminal.site))
        begun = time.monotonic()
        await eventually(lambda: len(mint.made_for) >= 7)
        assert time.monotonic() - begun > terminal.lease
        terminal.set("TK-101.level", 1.25)
        await watcher.until(lambda: watcher.value() == 1.25)
        assert watcher.phases == ["live"]
        assert mint.scopes[0] == {"data:live", "alarm:read"}
        assert terminal.agent.uplink.sessions == 1
    finally:
        await link.close()
        await terminal.stop()


async def test_revoking_the_only_watcher_stops_the_stream(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    await watch_live(link, alice)
    await revoke(alice)
    link.access_ended(alice)  # as the access watch does when it ends the socket
    begun = time.monotonic()
    await eventually(lambda: terminal.streaming == 0)
    assert time.monotonic() - begun < 1.0
    await eventually(lambda: not link.candidates())


async def test_revocation_nobody_told_us_of_ends_the_stream_at_the_next_renewal(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_token, "RENEW_AFTER", 0.3)
    await watch_live(link, alice)
    await revoke(alice)
    await eventually(lambda: terminal.streaming == 0)


async def test_stream_goes_on_under_another_watchers_access(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, mint: Mint
) -> None:
    bob = await access_of("bob", "viewer", terminal.site)
    watcher = await watch_live(link, alice, bob)
    assert mint.made_for == [alice]
    await revoke(alice)
    watcher.people.remove(alice)
    link.access_ended(alice)
    await eventually(lambda: mint.made_for == [alice, bob])
    terminal.set("TK-101.level", 2.5)
    await watcher.until(lambda: watcher.value() == 2.5)
    assert watcher.phases == ["live"]


async def test_agent_is_told_while_somebody_without_values_goes_on_watching(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    auditor = await access_of("carol", "auditor", terminal.site)
    watcher = Onlooker(link, alice, auditor)
    link.attach(watcher)
    await watcher.until(lambda: watcher.value() == 12.5)
    await revoke(alice)
    watcher.people.remove(alice)
    link.access_ended(alice)
    await eventually(lambda: any(event.reason == "The web app withdrew it." for event in journal(terminal)))
    assert terminal.streaming == 0
    await watcher.until_phase("live")


async def test_nobody_need_look_for_the_link_to_find_that_its_access_ended(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    """By SQL, so that nothing rings, and long before the token is renewed: a second is what a look takes."""
    watcher = Onlooker(link, alice)
    link.attach(watcher)
    await watcher.until(lambda: watcher.value() == 12.5)
    await sync_to_async(execute)("UPDATE sites_grant SET revoked_at = valid_from")
    begun = time.monotonic()
    await eventually(lambda: terminal.streaming == 0)
    assert time.monotonic() - begun < UNTOLD


async def test_conduit_changed_by_sql_ends_the_session_within_seconds(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    await watch_live(link, alice)
    await Conduit.objects.filter(site=terminal.site).aupdate(agent_pin="")
    begun = time.monotonic()
    await eventually(lambda: terminal.agent.uplink.sessions == 0)
    assert time.monotonic() - begun < UNTOLD


async def test_access_that_ends_while_its_token_is_on_the_way_opens_no_stream(
    terminal: Terminal, alice: SiteAccess
) -> None:
    made, go_on = asyncio.Event(), asyncio.Event()

    async def slow_mint(access: SiteAccess, scopes: Iterable[str]) -> str:
        token = await asite_token_for(access, scopes)
        made.set()
        await go_on.wait()
        return token

    link = SiteLink(terminal.site, make_token=slow_mint)
    watcher = Onlooker(link, alice)
    link.attach(watcher)
    await made.wait()
    await revoke(alice)
    link.access_ended(alice)
    go_on.set()
    await eventually(lambda: any(event.tag == "agent:session:ended" for event in journal(terminal)))
    assert terminal.streaming == 0 and link.latest == {}
    await link.close()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def journal(terminal: Terminal) -> list[AuditEvent]:
    return [event for file in journal_files(terminal.agent.site.journal.folder) for event in read_events(file)]


async def test_without_live_values_only_the_links_state_is_known(terminal: Terminal, link: SiteLink) -> None:
    auditor = await access_of("carol", "auditor", terminal.site)
    assert not auditor.allows("data:live")
    watcher = await watch_live(link, auditor)
    assert (terminal.streaming, link.latest, link.catalog) == (0, {}, None)
    await terminal.stop_agent()
    await watcher.until_phase("down")


async def test_values_start_when_somebody_who_may_see_them_joins(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    auditor = await access_of("carol", "auditor", terminal.site)
    await watch_live(link, auditor, tags=[])
    second = Onlooker(link, alice)
    link.attach(second)
    await second.until(lambda: second.value() == 12.5)


async def test_site_that_is_reached_otherwise_is_left(
    terminal: Terminal, link: SiteLink, alice: SiteAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_token, "RENEW_AFTER", 0.3)
    watcher = await watch_live(link, alice)
    await Conduit.objects.filter(site=terminal.site).aupdate(agent_pin="")
    await watcher.until_phase("down")
    assert "cut off" in link.state.reason
    await eventually(lambda: terminal.agent.uplink.sessions == 0)
