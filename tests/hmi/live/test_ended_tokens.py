"""Ending an access token in the administration ends what runs under it, and open pages keep theirs renewed."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken

from hmi.live import open_tokens
from hmi.live.access_watch import get_access_watch
from hmi.sites.access import aget_site_for
from hmi.sites.gateway import get_gateway
from hmi.sites.models import SiteAccessToken
from hmi.sites.tokens import aaccess_token_for
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.conftest import Person
from tests.hmi.live.phone import Phone

SITE = "/ws/sites/north/"
WITHIN = 5.0  # seconds from the click to the last value


def end_in_the_administration(row: AccessToken) -> None:
    """As an administrator does it: tick the row, choose the action."""
    root = get_user_model().objects.create_superuser("root", password="correct horse battery staple")
    client = Client()
    client.force_login(root)
    address = "/admin/oauth2_provider/accesstoken/"
    answer = client.post(address, {"action": "end_access", "_selected_action": [row.pk]})
    assert answer.status_code == 302


async def rows_of(person: Person) -> list[AccessToken]:
    return [row async for row in AccessToken.objects.filter(user=person.user)]


async def test_open_page_ends_with_its_access_token(terminal: Terminal, alice: Person) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    (row,) = await rows_of(alice)
    begun = time.monotonic()
    await sync_to_async(end_in_the_administration)(row)
    assert await phone.until_closed() == 4410
    await eventually(lambda: terminal.streaming == 0)
    assert time.monotonic() - begun < WITHIN
    assert "ended this access" in phone.frames[-1]["why"]
    # The grant stands: whoever opens the page again gets a new token, which stands in the list.
    again = await aget_site_for(alice.user, "north", session=alice.session)
    assert not again.token_ended
    assert (await aaccess_token_for(again)).pk != row.pk


async def test_others_at_the_site_go_on(terminal: Terminal, alice: Person, bob: Person) -> None:
    hers, his = Phone(SITE, alice.session), Phone(SITE, bob.session)
    assert await hers.connect() and await his.connect()
    await hers.until_live()
    await his.until_live()
    for person in (alice, bob):
        await get_gateway().catalog(await aget_site_for(person.user, "north", session=person.session))
        access = await aget_site_for(person.user, "north", session=person.session)
        await get_gateway().read(access, ["TK-101.level"])
    (row,) = await rows_of(alice)
    await sync_to_async(end_in_the_administration)(row)
    assert await hers.until_closed() == 4410
    terminal.set("TK-101.level", 4.5)
    await his.until(lambda frame: any(item[1] == 4.5 for item in frame.get("d", [])))
    assert len(await rows_of(bob)) == 1
    await his.leave()
    await get_gateway().close()


async def test_calls_of_a_page_use_another_token_afterwards(terminal: Terminal, alice: Person) -> None:
    access = await aget_site_for(alice.user, "north", session=alice.session)
    gateway = get_gateway()
    await gateway.read(access, ["TK-101.level"])
    (line,) = gateway._lines.values()
    assert line.current is not None
    tokens = line.current.tokens
    (place,) = tokens._places.values()
    handle = place.handle
    (row,) = await rows_of(alice)
    await sync_to_async(end_in_the_administration)(row)
    await eventually(lambda: not tokens._places)
    await gateway.read(access, ["TK-101.level"])
    (place,) = tokens._places.values()
    assert place.handle != handle and [new.pk != row.pk for new in await rows_of(alice)] == [True]
    await gateway.close()


async def test_page_that_only_watches_keeps_its_token(terminal: Terminal, alice: Person, bob: Person) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    (row,) = await rows_of(alice)
    await age(row, seconds=250)

    open_tokens.keep_open(get_access_watch()._sockets)
    async with asyncio.timeout(5):
        while await rows_of(alice) == [row]:
            await asyncio.sleep(0.02)
    (renewed,) = await rows_of(alice)
    assert renewed.expires > timezone.now() + dt.timedelta(seconds=250)
    assert await SiteAccessToken.objects.filter(token=renewed).acount() == 1
    assert await rows_of(bob) == [], "who has no page open has no token"
    await phone.leave()


async def test_renewal_opens_nothing_that_was_ended(terminal: Terminal, alice: Person) -> None:
    phone = Phone(SITE, alice.session)
    assert await phone.connect()
    await phone.until_live()
    sockets = list(get_access_watch()._sockets)
    (row,) = await rows_of(alice)
    await row.adelete()
    open_tokens.keep_open(sockets)
    await open_tokens._renewing[asyncio.get_running_loop()]
    assert await rows_of(alice) == []
    assert await phone.until_closed() == 4410


async def age(row: AccessToken, seconds: float) -> None:
    changed: dict[str, Any] = {"expires": row.expires - dt.timedelta(seconds=seconds)}
    await AccessToken.objects.filter(pk=row.pk).aupdate(**changed)
