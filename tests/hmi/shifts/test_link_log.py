"""What is noted of a link: lost and back once each, the switch when it is turned, and nothing of what nobody saw."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async

from hmi.live.demand import LinkState
from hmi.shifts.link_log import LinkLog
from hmi.shifts.models import SiteEvent
from hmi.sites import background
from relay_bridge.contract.acting import SiteMode
from tests.hmi.live.people import amake_site

T = 1_795_370_000_000


@sync_to_async
def noted() -> list[tuple[str, int, str]]:
    return [(row.kind, int(row.at.timestamp() * 1000) - T, row.detail) for row in SiteEvent.objects.all()]


@pytest.mark.django_db(transaction=True)
async def test_losses_and_turns_are_noted_once() -> None:
    site, log = await amake_site(), LinkLog()
    full, shut = SiteMode(mode="full", since=0, by=""), SiteMode(mode="read-only", since=T + 500, by="Eva Berg")
    for phase, at, reason, mode in (
        ("connecting", 0, "", None),
        ("down", 100, "no answer", None),  # it never stood: no loss
        ("live", 200, "", full),
        ("live", 200, "", full),
        ("silent", 300, "nothing came", full),
        ("down", 300, "gone", full),  # the same loss
        ("live", 400, "", full),
        ("live", 400, "", shut),
        ("live", 400, "", full),
    ):
        log.link_changed(site, LinkState(phase, T + at, reason), mode)  # type: ignore[arg-type]
    for task in list(background._running):
        await task
    assert sorted(await noted()) == sorted([
        ("link-lost", 300, "nothing came"), ("link-back", 400, ""), ("mode", 400, "full"),
        ("mode", 500, "read-only Eva Berg"),
    ])  # fmt: skip
