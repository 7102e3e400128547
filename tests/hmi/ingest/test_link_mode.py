"""The switch at the plant reaches the link: from hello, by pushes, and by the end of everything when it is off."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmi.ingest.site_link import SiteLink
from hmi.sites.access import SiteAccess
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import Onlooker, watch_live

pytestmark = pytest.mark.django_db(transaction=True)


def switch(terminal: Terminal) -> Path:
    folder = terminal._site_file.parent / "state" / "switch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def test_switch_is_told_while_it_is_turned(terminal: Terminal, link: SiteLink, alice: SiteAccess) -> None:
    onlooker = Onlooker(link, alice)
    link.attach(onlooker)
    await onlooker.until(lambda: link.state.phase == "live" and link.mode is not None)
    assert link.mode is not None and link.mode.mode == "full"
    (switch(terminal) / "read-only").touch()
    await onlooker.until(lambda: link.mode is not None and link.mode.mode == "read-only")
    assert link.state.phase == "live", "looking goes on"
    (switch(terminal) / "read-only").unlink()
    await onlooker.until(lambda: link.mode is not None and link.mode.mode == "full")


async def test_site_that_is_off_shows_nothing_and_says_so(
    terminal: Terminal, link: SiteLink, alice: SiteAccess
) -> None:
    onlooker = await watch_live(link, alice)
    (switch(terminal) / "off").touch()
    await onlooker.until(lambda: link.state.phase == "down")
    assert "switched off at the plant" in link.state.reason
    assert link.mode is not None and link.mode.mode == "off"
    (switch(terminal) / "off").unlink()
    await onlooker.until(lambda: link.state.phase == "live" and link.mode is not None and link.mode.mode == "full")
