"""T24: what one side's trail was is known at the other, so a cut tail is found although everything signed went too."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts.audit.chain import Head
from accounts.audit.checkpoints import audit_dir, latest_of, make_checkpoint, sign_head
from accounts.audit.models import Event
from accounts.audit.verify import verify
from hmi.ingest import trail_exchange
from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess
from relay_bridge.agent.journal_files import HEAD, journal_files, read_events
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import watch_live
from tests.support.audit_trail import without_triggers


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_exchange, "EVERY", 0.1)


def journal_tags(terminal: Terminal) -> list[str]:
    folder = terminal.agent.site.journal.folder
    return [event.tag for file in journal_files(folder) for event in read_events(file)]


@sync_to_async
def contradictions() -> list[tuple[str, str]]:
    rows = Event.objects.filter(tag="audit:counterpart:contradicted")
    return list(rows.order_by("seq").values_list("subject", "reason"))


async def until_found(look: Any) -> Any:
    import asyncio  # noqa: PLC0415

    async with asyncio.timeout(5):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found


async def test_each_side_keeps_where_the_other_stands(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    await watch_live(link, alice)
    kept = await until_found(lambda: sync_to_async(latest_of)("site:north"))
    assert kept.seq >= 2 and kept.key == terminal.agent.site.journal.checkpoint().key

    async def told() -> Any:
        return terminal.agent.site.counterpart.held()

    held = await until_found(told)
    assert held.chain == "web"
    assert (await sync_to_async(verify)([held])).holds
    assert not await contradictions() and "audit:counterpart:contradicted" not in journal_tags(terminal)


async def test_tail_cut_at_the_web_app_is_found_at_both_ends(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    await watch_live(link, alice)

    async def told() -> Any:
        return terminal.agent.site.counterpart.held()

    held = await until_found(told)
    await sync_to_async(cut_and_sign_anew)(held.seq - 1)
    assert (await sync_to_async(verify)()).holds  # whoever did it had the key, too
    found = await until_found(contradictions)
    assert found[0] == ("web", "the web app's trail has another event at that place, or none")
    assert (await sync_to_async(verify)([held])).broken is not None

    async def recorded() -> bool:
        return "audit:counterpart:contradicted" in journal_tags(terminal)

    assert await until_found(recorded)


async def test_journal_cut_at_the_site_is_found_at_the_web_app(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    watcher = await watch_live(link, alice)
    await until_found(lambda: sync_to_async(latest_of)("site:north"))
    folder = terminal.agent.site.journal.folder
    await terminal.stop_agent()
    await watcher.until_phase("down")
    for path in [*journal_files(folder), folder / HEAD]:
        path.unlink()
    (folder / "key.pem").unlink()  # a journal that never was
    await terminal.start_agent()
    found = await until_found(contradictions)
    assert found[0][0] == "site:north" and "the agent's journal" in found[0][1]


def cut_and_sign_anew(last: int) -> None:
    with without_triggers() as cursor:
        cursor.execute("DELETE FROM audit_event WHERE seq > %s", [last])
        cursor.execute("DELETE FROM audit_checkpoint WHERE chain = 'web' AND seq > %s", [last])
    (audit_dir() / "head.json").unlink()
    end = Event.objects.get(seq=last)
    sign_head(Head(last, end.hash), end.at)
    assert make_checkpoint(Head(last, end.hash), end.at).seq == last
