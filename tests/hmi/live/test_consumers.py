"""Opening a live page, reading it, and being refused: through the real application, against a real site."""

from __future__ import annotations

import pytest

from hmi.live import consumers
from hmi.live.access_watch import get_access_watch
from hmi.live.hub import get_hub
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.conftest import Person, person
from tests.hmi.live.phone import Phone

SITE = "/ws/sites/north/"
TANK = "/ws/sites/north/tanks/TK-101/"


async def opened(path: str, who: Person, **facts: bool) -> Phone:
    phone = Phone(path, who.session, **facts)
    assert await phone.connect()
    return phone


def value_of(frame: dict, handle: int) -> object:
    return next((item[1] for item in frame["d"] if item[0] == handle), None)


async def test_viewer_gets_a_snapshot_and_then_what_changes(terminal: Terminal, bob: Person) -> None:
    phone = await opened(SITE, bob)
    await phone.until_live()
    snapshot = next(frame for frame in reversed(phone.frames) if frame["k"] == "s")
    handle = snapshot["h"]["TK-101.level"]
    assert snapshot["hb"] == 2000
    assert snapshot["src"]["main"][0] == 0
    assert value_of(snapshot, handle) == 12.5
    terminal.set("TK-101.level", 13.25)
    delta = await phone.until(lambda frame: frame["k"] == "d" and value_of(frame, handle) == 13.25)
    assert delta["x"]["TK-101"]["alarm"] == "H"
    assert len(delta["d"]) == 1
    numbers = [frame["n"] for frame in phone.frames]
    assert numbers == list(range(1, len(numbers) + 1))
    await phone.leave()


async def test_tank_page_shows_that_tank_only(terminal: Terminal, alice: Person) -> None:
    phone = await opened(TANK, alice)
    snapshot = await phone.until(lambda frame: frame["k"] == "s" and bool(frame["h"]) and bool(frame["d"]))
    assert set(snapshot["h"]) == {"TK-101.level", "TK-101.flow"}
    await phone.leave()


async def test_a_person_leaving_puts_everything_away(terminal: Terminal, alice: Person) -> None:
    phone = await opened(SITE, alice)
    await phone.until_live()
    assert len(get_access_watch()) == 1
    assert len(get_hub().views) == 1
    await phone.leave()
    assert len(get_access_watch()) == 0
    assert not get_hub().views


async def test_two_phones_share_one_view_and_one_stream(terminal: Terminal, alice: Person, bob: Person) -> None:
    first, second = await opened(SITE, alice), await opened(SITE, bob)
    await first.until_live()
    await second.until_live()
    assert len(get_hub().views) == 1
    terminal.set("TK-102.level", 6.5)
    for phone in (first, second):
        handle = next(frame["h"]["TK-102.level"] for frame in phone.frames if frame.get("h"))
        await phone.until(lambda frame, handle=handle: frame["k"] == "d" and value_of(frame, handle) == 6.5)
    assert terminal.agent.uplink.sessions == 1
    await first.leave()
    await second.leave()


async def test_agent_that_stops_is_told_at_once(terminal: Terminal, alice: Person) -> None:
    phone = await opened(SITE, alice)
    await phone.until_live()
    await terminal.stop_agent()
    down = await phone.until(lambda frame: frame["k"] == "h" and frame["link"][0] == "down")
    assert down["link"][2] == "the agent was stopped"
    await terminal.start_agent()
    await phone.until_live()
    await phone.leave()


@pytest.mark.parametrize(
    "path", [SITE, TANK, "/ws/sites/nowhere/", "/ws/sites/north/tanks/..%2F/", "/ws/else/", "/ws/sites/"]
)
async def test_stranger_is_refused_like_somebody_who_asks_for_nothing(
    terminal: Terminal, charlie: Person, path: str
) -> None:
    phone = Phone(path, charlie.session)
    assert not await phone.connect()
    assert phone.closed_with == 1000  # before the handshake: the server answers 403


async def test_without_a_session_nothing_opens(terminal: Terminal) -> None:
    for path in (SITE, TANK, "/ws/my-sites/"):
        assert not await Phone(path).connect()


async def test_other_origins_are_refused(terminal: Terminal, alice: Person) -> None:
    for origin in ("https://127.0.0.1:8000", "http://127.0.0.1:8001", "http://evil.example", "null"):
        assert not await Phone(SITE, alice.session, origin=origin).connect()


async def test_role_without_live_values_opens_no_site_page(terminal: Terminal) -> None:
    carol = await person("carol", "auditor", terminal.site)
    assert not await Phone(SITE, carol.session).connect()
    assert not await Phone(TANK, carol.session).connect()


@pytest.mark.parametrize("said", ["x", "{}", '{"write":1}', '{"ok":1,"x":2}', '{"ok":1}' + " " * 1024, "[" * 500])
async def test_anything_else_closes_the_socket(terminal: Terminal, alice: Person, said: str) -> None:
    phone = await opened(SITE, alice)
    await phone.say(said)
    assert await phone.until_closed() == 4400
    assert phone.frames[-1]["k"] == "bye"


async def test_binary_messages_close_the_socket(terminal: Terminal, alice: Person) -> None:
    phone = await opened(SITE, alice)
    await phone.say_bytes(b'{"ok":1}')
    assert await phone.until_closed() == 4400


async def test_a_flood_closes_the_socket(terminal: Terminal, alice: Person) -> None:
    phone = await opened(SITE, alice)
    for _ in range(30):
        await phone.say({"ok": 0})
    assert await phone.until_closed() == 4408


async def test_a_person_has_a_limited_number_of_pages(
    terminal: Terminal, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "SOCKETS_A_PERSON", 2)
    pages = [await opened(SITE, alice), await opened(TANK, alice)]
    third = await opened(SITE, alice)
    assert await third.until_closed() == 4429
    assert "too many live pages" in third.frames[-1]["why"]
    other = await opened(SITE, bob)
    await other.until_live()
    for phone in [*pages, other]:
        await phone.leave()


async def test_the_process_has_a_limited_number_of_pages(
    terminal: Terminal, alice: Person, bob: Person, settings: object
) -> None:
    settings.LIVE_SOCKETS = 1  # type: ignore[attr-defined]
    page = await opened(SITE, alice)
    assert await (await opened(SITE, bob)).until_closed() == 4429
    await page.leave()
    await eventually(lambda: len(get_access_watch()) == 0)
    again = await opened(SITE, bob)
    await again.until_live()
    await again.leave()
