"""An open live page ends when its access ends, whichever way that happens; measured from the change to the close."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from accounts import sessions
from accounts.models import Role
from hmi.ingest import link_session, site_link
from hmi.live import access_watch
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.conftest import Person, person
from tests.hmi.live.people import agive, amake_site
from tests.hmi.live.phone import PATIENCE, Phone

SITE = "/ws/sites/north/"
MY_SITES = "/ws/my-sites/"
TOLD = 1.0  # seconds from a change in this process to the close; the promise is 5
UNTOLD = 2.0  # from a change that rings no bell here

Change = Callable[[Person, Terminal], None]


def edit_grant(who: Person, _: Terminal) -> None:
    who.grant.valid_until += dt.timedelta(days=1)
    who.grant.save()


def revoke_grant(who: Person, _: Terminal) -> None:
    who.grant.revoke()


def disable_person(who: Person, _: Terminal) -> None:
    who.user.is_active = False
    who.user.save()


def change_password(who: Person, _: Terminal) -> None:
    who.user.set_password("another horse, another battery")
    who.user.save()


def sign_out(who: Person, _: Terminal) -> None:
    who.session.flush()


def change_role(who: Person, _: Terminal) -> None:
    role = Role.objects.get(pk=who.grant.role_id)
    role.scopes = "status:read data:live"
    role.save()


def switch_site_off(_: Person, terminal: Terminal) -> None:
    terminal.site.enabled = False
    terminal.site.save()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (edit_grant, "Your access to North Terminal was changed."),
        (revoke_grant, "Your access to North Terminal was withdrawn at "),
        (disable_person, "Your account was disabled."),
        (change_password, "You were signed out."),
        (sign_out, "You were signed out."),
        (change_role, "What your role field operator may do at North Terminal was changed."),
        (switch_site_off, "North Terminal was switched off."),
    ],
)
async def test_page_ends_with_the_access(terminal: Terminal, alice: Person, change: Change, why: str) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    await sync_to_async(change)(alice, terminal)
    begun = time.monotonic()
    assert await phone.until_closed() == 4403
    assert time.monotonic() - begun < TOLD
    assert phone.frames[-1]["k"] == "bye"
    assert phone.frames[-1]["why"].lower().startswith(why.lower())
    # She was the only one: the site streams to nobody any more, and she gets no new page.
    await eventually(lambda: terminal.streaming == 0)
    assert not await Phone(SITE, alice.session).connect() or change in {edit_grant, change_role}


async def test_page_ends_when_the_grant_expires(terminal: Terminal) -> None:
    dora = await person("dora", "viewer", terminal.site, seconds=2.0)
    phone = Phone(SITE, dora.session)
    assert await phone.connect()
    await phone.until_live()
    assert await phone.until_closed() == 4403
    late = (timezone.now() - dora.grant.valid_until).total_seconds()
    assert 0 <= late < UNTOLD
    assert phone.frames[-1]["why"].startswith("Your access to North Terminal ended at ")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET is_active = FALSE",
        "DELETE FROM django_session",
        "UPDATE sites_grant SET revoked_at = valid_from",
        "UPDATE sites_site SET enabled = FALSE",
        "UPDATE accounts_role SET scopes = 'status:read'",
    ],
)
async def test_change_by_another_program_is_found_by_the_sweep(
    terminal: Terminal, alice: Person, statement: str
) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    await execute(statement)
    begun = time.monotonic()
    assert await phone.until_closed() == 4403
    assert time.monotonic() - begun < UNTOLD


async def test_others_go_on(terminal: Terminal, alice: Person, bob: Person) -> None:
    hers, his = Phone(SITE, alice.session), Phone(SITE, bob.session)
    assert await hers.connect()
    assert await his.connect()
    await hers.until_live()
    await his.until_live()
    await sync_to_async(revoke_grant)(alice, terminal)
    assert await hers.until_closed() == 4403
    terminal.set("TK-101.level", 4.5)
    await his.until(lambda frame: any(item[1] == 4.5 for item in frame.get("d", [])))
    assert all(frame.get("link", ["live"])[0] in {"live", "connecting"} for frame in his.frames)
    await his.leave()


async def test_list_of_sites_that_lost_one_connects_again_for_the_others(terminal: Terminal, alice: Person) -> None:
    south = await amake_site("south", "South Terminal")
    at_south = await agive(alice.user, "viewer", south)
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    snapshot = await phone.until(lambda frame: frame["k"] == "s")
    assert set(snapshot["sites"]) == {"north", "south"}
    await sync_to_async(at_south.revoke)()
    assert await phone.until_closed() == 4410
    assert phone.frames[-1]["why"].startswith("Your access to South Terminal was withdrawn")
    again = Phone(MY_SITES, alice.session)
    assert await again.connect()
    assert set((await again.until(lambda frame: frame["k"] == "s"))["sites"]) == {"north"}
    await again.leave()


async def test_list_of_sites_ends_when_nothing_is_left(terminal: Terminal, alice: Person) -> None:
    phone = Phone(MY_SITES, alice.session)
    assert await phone.connect()
    await sync_to_async(revoke_grant)(alice, terminal)
    assert await phone.until_closed() == 4403


async def test_pages_close_when_nobody_can_say_who_may_see_them(
    terminal: Terminal, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_watch, "FAIL_CLOSED", 1.0)
    # What the link does to let her in again; at what pace is no matter here.
    monkeypatch.setattr(site_link, "REFUSED_FOR", 0.5)
    monkeypatch.setattr(link_session, "LOOK_FOR_ACCESS", 0.5)
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    await execute("ALTER TABLE sites_grant RENAME TO lost")
    try:
        assert await phone.until_closed() == 4500
        assert phone.frames[-1]["why"] == access_watch.UNCHECKED
    finally:
        await execute("ALTER TABLE lost RENAME TO sites_grant")
    again = Phone(SITE, alice.session)  # nothing was wrong with her access
    assert await again.connect()
    await again.until_live()
    await again.leave()


async def test_short_trouble_with_the_database_closes_nothing(terminal: Terminal, alice: Person) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    await execute("ALTER TABLE sites_grant RENAME TO lost")
    failed = time.monotonic()
    await phone.until(lambda frame: time.monotonic() - failed > 1.5)
    await execute("ALTER TABLE lost RENAME TO sites_grant")
    await sync_to_async(revoke_grant)(alice, terminal)
    assert await phone.until_closed() == 4403


async def test_only_an_open_page_in_front_counts_as_use_of_the_session(
    terminal: Terminal, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_watch, "TOUCH", 0.5)
    for who in (alice, bob):
        who.session[sessions.SEEN_AT] -= 600
        await sync_to_async(who.session.save)()
    behind, front = Phone(SITE, bob.session), Phone(SITE, alice.session)
    assert await behind.connect()
    assert await front.connect()
    await behind.say({"bg": True})
    async with asyncio.timeout(PATIENCE):
        while await seconds_unused(alice) > 60:
            await front.receive()
    assert await seconds_unused(bob) >= 600
    await front.leave()
    await behind.leave()


async def seconds_unused(who: Person) -> float:
    row = await Session.objects.aget(session_key=who.session.session_key)
    return time.time() - row.get_decoded()[sessions.SEEN_AT]


async def execute(statement: str) -> None:
    """Change the database behind the web app's back: nothing rings."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    await sync_to_async(run)()


async def test_a_newcomer_is_looked_at_alone_and_a_change_brings_a_look_at_all() -> None:
    """A thousand phones that come back after a restart must not each cause a look at the other nine hundred."""
    watch = access_watch.AccessWatch()
    old, new = object(), object()
    watch._sockets[old] = None
    assert watch._due() == (True, [old])
    watch._sockets[new] = watch._new[new] = None
    assert watch._due() == (False, [new])
    assert watch._due() == (False, [])
    watch.ring()
    assert watch._due() == (True, [old, new])
    watch._full_at = 0.0
    assert watch._due() == (True, [old, new])
