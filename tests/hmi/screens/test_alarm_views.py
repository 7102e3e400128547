"""The alarm pages against a real site: relay, agent with alarms of its limits, and people with different roles."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.db import connection

from accounts.audit.models import Event
from hmi.ingest.links import close_links
from hmi.live.demand import provider
from hmi.sites.gateway import get_gateway
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.people import agive, amake_person, asign_in
from tests.hmi.live.phone import Phone
from tests.support.web_server import serving

LIST = "/sites/north/alarms/"
BAD_SENSOR_FAILURE = 0x808C0000
CSRF = "c" * 32
ORIGIN = django_settings.PUBLIC_URL  # that the sockets ask for, before a server of a test changes it


@pytest_asyncio.fixture
async def terminal(transactional_db: None, tmp_path: Path, settings: Any) -> AsyncIterator[Any]:
    running: Any = Terminal(tmp_path / "terminal")
    running.tanks, running.alarms, running.browsers = [101, 103], True, []
    await running.start()
    async with serving(settings) as origin:
        running.origin = origin
        yield running
        for each in running.browsers:
            await each.aclose()
    await close_links()
    await get_gateway().close()
    await running.stop()


async def browser(name: str, role: str | None, terminal: Any) -> Any:
    person = await amake_person(name)
    if role is not None:
        await agive(person, role, terminal.site)
    session = await asign_in(person)
    cookies = {django_settings.SESSION_COOKIE_NAME: session.session_key, django_settings.CSRF_COOKIE_NAME: CSRF}
    # ``verify``: there is nothing to verify on loopback, and reading everybody's certificates takes as long as a page.
    client: Any = httpx.AsyncClient(base_url=terminal.origin, cookies=cookies, timeout=20, verify=False)
    client.session_of = session
    terminal.browsers.append(client)
    return client


@pytest_asyncio.fixture
async def alice(terminal: Any) -> Any:
    """A field operator: may acknowledge."""
    return await browser("alice", "field-operator", terminal)


def picks(page: str) -> list[str]:
    return re.findall(r'name="pick" value="([\w-]+ [\w-]+)"', page)


def nonce(page: str) -> str:
    found = re.search(r'name="nonce" value="([\w-]+)"', page)
    assert found is not None
    return found[1]


async def shown(client: Any, address: str = LIST, status: int = 200) -> str:
    response = await client.get(address)
    text: str = response.text
    assert response.status_code == status, text[:500]
    return text


async def with_alarm(client: Any) -> str:
    """The list, once the agent has found the level too high."""
    async with asyncio.timeout(20):
        while not picks(page := await shown(client)):
            await asyncio.sleep(0.05)
    return page


async def post(client: Any, verb: str, form: dict[str, Any], headers: dict[str, str]) -> Any:
    origin = str(client.base_url).rstrip("/")
    return await client.post(
        f"{LIST}{verb}/", data=form | {"csrfmiddlewaretoken": CSRF}, headers=headers | {"Origin": origin}
    )


async def send(client: Any, verb: str = "acknowledge", status: int = 200, **form: Any) -> str:
    response = await post(client, verb, form, {"HX-Request": "true"})
    assert response.status_code == status, response.content[:500]
    text: str = response.text
    return text


@sync_to_async
def trail() -> list[tuple[str, str, str, str]]:
    rows = Event.objects.filter(tag__startswith="alarm:").order_by("seq")
    return [(row.tag, row.result, row.username, row.subject) for row in rows]


async def test_alarm_is_listed_acknowledged_and_told_only_as_the_plant_answers(terminal: Any, alice: Any) -> None:
    page = await with_alarm(alice)
    (pick,) = picks(page)
    assert "TK-103" in page and "Active, not acknowledged" in page
    (row,) = provider().link(terminal.site).alarms.rows.values()
    assert (row.name, row.tag, row.asset) == ("TK-103 Level high", "TK-103.level", "TK-103"), (
        "both tanks are read alike"
    )
    assert "Made from limits, not by the process server" in page
    form = {"pick": pick, "nonce": nonce(page), "comment": "on my way"}
    answer = await send(alice, **form)
    assert "The plant took it" in answer
    assert 'data-done="acknowledge"' in answer and "It is acknowledged now." in answer, "for when the plant reports it"
    # The same form sent twice is done once, and answered alike.
    assert "The plant took it" in await send(alice, **form)
    book = provider().link(terminal.site).alarms
    await eventually(lambda: all(row.ack for row in book.rows.values()))
    page = await shown(alice)
    assert "Active, acknowledged" in page and not picks(page)
    # Somebody else comes late and reads who it was.
    dora = await browser("dora", "shift-supervisor", terminal)
    assert "This was done already by alice" in await send(dora, pick=pick, nonce="n" * 22)
    detail = await shown(dora, f"{LIST}{pick.split()[0]}/")
    assert "by alice" in detail and "on my way" in detail and "became active" in detail
    assert "Acknowledged by alice at " in await shown(dora), "the list says who has it"
    assert 'href="/sites/north/tanks/TK-103/"' in detail and "trends/?tags=TK-103.level&amp;span=1h" in detail
    # After an act of one's own the page asks for its forms and its history alone.
    anew = (await dora.get(f"{LIST}{pick.split()[0]}/", headers={"HX-Request": "true"})).text
    assert 'id="alarm-forms"' in anew and 'id="alarm-past" hx-swap-oob="true"' in anew and "<html" not in anew
    assert [(tag, result, who) for tag, result, who, _ in await trail()] == [
        ("alarm:action:asked", "done", "alice"), ("alarm:action:answered", "done", "alice"),
        ("alarm:action:asked", "done", "alice"), ("alarm:action:answered", "done", "alice"),
        ("alarm:action:asked", "done", "dora"), ("alarm:action:answered", "done", "dora"),
    ]  # fmt: skip


async def test_browser_that_leaves_meanwhile_takes_no_outcome_along(terminal: Any, alice: Any) -> None:
    page = await with_alarm(alice)
    (pick,) = picks(page)
    terminal.relay.faults.freeze()
    asking = asyncio.create_task(send(alice, pick=pick, nonce=nonce(page)))
    async with asyncio.timeout(10):
        while not await trail():
            await asyncio.sleep(0.02)
    asking.cancel()  # its connection is closed, and the server cancels the view
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.2)  # for the server to notice: nothing tells that it did
    terminal.relay.faults.thaw()
    async with asyncio.timeout(20):
        while len(await trail()) < 2:
            await asyncio.sleep(0.05)
    assert [tag for tag, *_ in await trail()] == ["alarm:action:asked", "alarm:action:answered"]


async def test_newer_state_than_was_seen_is_refused(terminal: Any, alice: Any) -> None:
    page = await with_alarm(alice)
    (seen,) = picks(page)
    terminal.set("TK-103.level", 5.0)
    book = provider().link(terminal.site).alarms
    await eventually(lambda: all(not row.act for row in book.rows.values()))
    answer = await send(alice, pick=seen, nonce=nonce(page))
    assert "It has changed since you looked, so nothing was done. It is now: Cleared, not acknowledged" in answer
    assert not any(row.ack for row in book.rows.values())
    assert "Cleared, not acknowledged" in await shown(alice)


async def test_highest_priority_is_never_acknowledged_together_nor_shelved(terminal: Any, alice: Any) -> None:
    terminal.set("TK-101.level", 14.5)  # beyond its outer limit too
    book = provider().link(terminal.site).alarms
    await shown(alice)
    await eventually(lambda: any(row.sev > 800 for row in book.rows.values()))
    page = await shown(alice)
    every = picks(page)
    assert len(every) >= 2
    assert "of the highest priority" in await send(alice, pick=every, nonce=nonce(page))
    assert not any(row.ack for row in book.rows.values())
    crit = next(row for row in book.rows.values() if row.sev > 800)
    review = await shown(alice, f"{LIST}review/?" + "&".join(f"pick={name}" for name in book.rows))
    assert f"{crit.id} {crit.eid}" not in review and len(picks(review)) == len(book.rows) - 1
    dora = await browser("dora", "shift-supervisor", terminal)
    shelved = await send(dora, "shelve", pick=f"{crit.id} {crit.eid}", nonce="m" * 22, minutes="60", reason="noise")
    assert "is not shelved from here" in shelved and not any(row.shelf for row in book.rows.values())
    # One by one it is: together with nothing else.
    assert "The plant took it" in await send(alice, pick=f"{crit.id} {crit.eid}", nonce="k" * 22)


async def test_shelving_needs_the_right_a_reason_and_an_end(terminal: Any, alice: Any) -> None:
    (pick,) = picks(await with_alarm(alice))
    dora = await browser("dora", "shift-supervisor", terminal)
    form = {"pick": pick, "nonce": "s" * 22, "minutes": "60", "reason": "sensor is being mended"}
    assert "shelve alarms" in (await send(alice, "shelve", 403, **form)).lower()
    assert "Give a reason" in await send(dora, "shelve", **(form | {"reason": " "}))
    await send(dora, "shelve", 400, **(form | {"minutes": "721"}))
    book = provider().link(terminal.site).alarms
    assert not any(row.shelf for row in book.rows.values())
    assert "The plant took it" in await send(dora, "shelve", **form)
    await eventually(lambda: any(row.shelf for row in book.rows.values()))
    page = await shown(alice)
    assert "Shelved or suppressed" in page and "Shelved until" in page
    # What is out of the way is not acknowledged together with others.
    review = await shown(alice, f"{LIST}review/?pick={pick.split()[0]}")
    assert "None of them waits any more" in review
    apart = await shown(dora, f"{LIST}shelved/")
    assert "Shelved by <bdi>dora</bdi>" in apart and "sensor is being mended" in apart
    assert picks(apart) and not picks(await shown(alice, f"{LIST}shelved/")), "only who may shelve brings it back"
    back = {"pick": picks(apart)[0], "nonce": nonce(apart), "minutes": "0"}
    assert "The plant took it" in await send(dora, "shelve", **back)
    await eventually(lambda: not any(row.shelf for row in book.rows.values()))
    assert "Nothing is shelved or suppressed" in await shown(alice, f"{LIST}shelved/")
    # The plant's own journal has who it was, both ways, and why; the page knows whose subject it is.
    hers = await shown(alice, f"{LIST}journal/?who=dora")
    told = re.findall(r"<strong>([\w ]+)</strong>.{0,20}by <bdi>(\w+)</bdi>", hers)
    assert told == [("back from the shelf", "dora"), ("shelved", "dora")]
    assert hers.count("<q><bdi>") == 1 and "sensor is being mended" in hers


async def test_who_may_not_reads_why_and_nothing_reaches_the_site(terminal: Any, alice: Any) -> None:
    (pick,) = picks(await with_alarm(alice))
    bob = await browser("bob", "viewer", terminal)
    page = await shown(bob)
    assert not picks(page) and "Acknowledging needs a role that may" in page
    refused = await send(bob, status=403, pick=pick, nonce="b" * 22)
    assert "acknowledge alarms" in refused.lower() and "Ask for access" in refused
    charlie = await browser("charlie", None, terminal)
    await shown(charlie, status=404)
    await shown(await browser("erin", "auditor", terminal), status=403)
    assert not [row for row in await trail() if row[2] != "alice"]


async def test_without_a_record_nothing_is_asked_of_the_site(terminal: Any, alice: Any) -> None:
    page = await shown(alice)

    def stop_taking() -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END")

    def take_again() -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")

    await sync_to_async(stop_taking)()
    try:
        answer = await send(alice, status=503, pick=picks(page)[0], nonce=nonce(page))
    finally:
        await sync_to_async(take_again)()
    assert "could not be recorded" in answer
    assert not any(row.ack for row in provider().link(terminal.site).alarms.rows.values())


async def test_silent_site_leaves_the_last_known_list_marked_and_nothing_is_asked(terminal: Any, alice: Any) -> None:
    page = await shown(alice)
    dora = await browser("dora", "shift-supervisor", terminal)
    await terminal.stop_agent()
    book = provider().link(terminal.site).alarms
    await eventually(lambda: book.state == "old")
    form = {"pick": picks(page)[0], "nonce": nonce(page)}
    answer = await send(alice, **form)
    assert "The alarm list is not current, so the site was not asked" in answer and "Nothing was done" in answer
    assert f'data-next-nonce="{nonce(page)}"' in answer, "what was not asked is the same wish when it is asked again"
    assert "not current" in await send(dora, "shelve", **form, minutes="60", reason="noise")
    assert not await trail(), "nothing was asked of the site"
    stale = await shown(alice)
    assert 'class="alarm-list is-stale"' in stale and "The alarm list is not current" in stale
    (button,) = re.findall(r"<button[^>]*alarm-ack[^>]*>", stale)
    assert " disabled" in button and 'class="alarm is-waiting is-stale"' in stale
    review = await shown(alice, f"{LIST}review/?pick={picks(page)[0].split()[0]}")
    assert "nothing can be acknowledged now" in review and re.search(r"<fieldset[^>]* disabled", review)
    assert "cannot be reached" in await shown(alice, f"{LIST}journal/")


async def test_step_up_is_asked_for_when_the_setting_says_so(terminal: Any, alice: Any, settings: Any) -> None:
    settings.ACK_STEP_UP = True
    page = await shown(alice)
    response = await post(alice, "acknowledge", {"pick": picks(page)[0], "nonce": nonce(page)}, {})
    assert response.status_code == 303 and response.headers["Location"].startswith("/confirm/")
    assert not await trail()


async def test_journal_its_file_and_the_figures(terminal: Any, alice: Any) -> None:
    page = await shown(alice)
    assert "became active" in await shown(alice, f"{LIST}journal/")
    assert "Nothing happened in this time" in await shown(alice, f"{LIST}journal/?asset=TK-999")
    assert "became active" in await shown(alice, f"{LIST}journal/?tag=tk-103.lev")
    assert "Nothing happened in this time" in await shown(alice, f"{LIST}journal/?tag=TK-101")
    assert "not after the beginning" in await shown(
        alice, f"{LIST}journal/?start=2026-11-22T10:00&end=2026-11-22T09:00"
    )
    (pick,) = picks(page)
    await send(alice, pick=pick, nonce=nonce(page))
    book = provider().link(terminal.site).alarms
    await eventually(lambda: all(row.ack for row in book.rows.values()))
    hers = await shown(alice, f"{LIST}journal/?who=ALI")
    assert "<strong>acknowledged</strong>" in hers and "became active" not in hers
    assert "Nothing happened in this time" in await shown(alice, f"{LIST}journal/?who=dora")
    assert "Enter a valid date" in await shown(alice, f"{LIST}journal/?start=yesterday")
    table = await shown(alice, f"{LIST}journal.csv?asset=TK-103")
    assert table.startswith("time,event,alarm") and "active" in table and "TK-103.level" in table
    assert len((await shown(alice, f"{LIST}journal.csv?who=alice")).splitlines()) == 2
    assert "Most alarms in any 10 minutes" in await shown(alice, f"{LIST}figures/?days=7")


async def test_phone_gets_the_list_then_what_changes_and_every_page_the_banner(terminal: Any, alice: Any) -> None:
    phone = Phone("/ws/sites/north/alarms/", alice.session_of, origin=ORIGIN)
    other = Phone("/ws/sites/north/", alice.session_of, origin=ORIGIN)
    assert await phone.connect() and await other.connect()
    first = await phone.until(lambda frame: frame.get("link", [""])[0] == "live" and frame["k"] == "s")
    assert [(section[0], section[2]) for section in first["sec"]] == [("waits", 1)] and len(first["rows"]) == 1
    await other.until(lambda frame: frame.get("al", {}).get("u") == [0, 1, 0, 0])
    terminal.set("TK-103.level", 5.0)
    change = await phone.until(lambda frame: frame["k"] == "d" and "sec" in frame)
    assert [(section[0], section[2]) for section in change["sec"]] == [("gone", 1)]
    assert "Cleared, not acknowledged" in "".join(change["rows"].values())
    await phone.leave()
    await other.leave()


async def test_alarm_on_a_value_that_turned_bad_is_doubtful_everywhere_and_nowhere_cleared(
    terminal: Any, alice: Any
) -> None:
    phone = Phone("/ws/sites/north/alarms/", alice.session_of, origin=ORIGIN)
    assert await phone.connect()
    first = await phone.until(lambda frame: frame.get("link", [""])[0] == "live" and frame["k"] == "s")
    (name,) = first["rows"]
    assert first["al"]["top"][6] == 0 and "is-doubtful" not in first["rows"][name]
    terminal.set("TK-103.level", None, BAD_SENSOR_FAILURE)
    change = await phone.until(lambda frame: frame["k"] == "d" and "rows" in frame)
    assert change["al"]["top"][6] == 1 and change["al"]["u"] == [0, 1, 0, 0], "it still waits"
    row = change["rows"][name]
    assert "is-doubtful" in row and "Doubtful: active when last known; not acknowledged" in row
    assert "The value behind it is bad or not there" in row and "leared" not in row
    for address in (LIST, f"{LIST}{name}/", "/sites/north/tanks/TK-103/"):
        page = await shown(alice, address)
        assert "Doubtful: active when last known" in page, address
        assert "is-doubtful" in page.partition('id="alarm-banner"')[0].rpartition("<")[2], f"the banner of {address}"
    assert not picks(await shown(alice, f"{LIST}?state=cleared&view=list"))
    terminal.set("TK-103.level", 5.0)
    over = await phone.until(lambda frame: frame["k"] == "d" and "rows" in frame)
    assert "Cleared, not acknowledged" in over["rows"][name] and over["al"]["top"][6] == 0
    await phone.leave()


async def test_what_no_page_sends_is_refused(terminal: Any, alice: Any) -> None:
    for address in ("review/?pick=../x", "review/", "!!!/"):
        response = await alice.get(LIST + address)
        assert response.status_code in {400, 404}, address
    for form in ({}, {"pick": "a b", "nonce": "short"}, {"pick": "<>", "nonce": "n" * 22}):
        await send(alice, status=400, **form)
