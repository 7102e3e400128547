"""Two real web processes on one database: a change made in one ends the pages that the other serves, and its stream."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.utils import timezone
from oauth2_provider.models import AccessToken

from accounts.factors import reset_factors
from accounts.models import Role
from accounts.session_moves import move_session
from hmi.sites.access import aget_site_for
from hmi.sites.models import Grant
from hmi.sites.tokens import aaccess_token_for
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.ingest.watching import eventually
from tests.hmi.live.conftest import Person, person
from tests.hmi.live.people import PASSWORD, sign_in
from tests.support.web_processes import Page, WebProcess, web_processes

SITE = "/ws/sites/north/"
PROMISE = 5.0  # seconds from the change to the last value
SOON = 4.5  # seconds until the grant that expires does; by then all pages are open


def administrator() -> Any:
    return sign_in(get_user_model().objects.create_superuser("root", password=PASSWORD))


def watch_role() -> Role:
    return Role.objects.create(name="watch", slug="watch", scopes="status:read data:live alarm:read")


@asynccontextmanager
async def open_pages(people: Iterable[Person], processes: list[WebProcess]) -> AsyncIterator[dict[Person, list[Page]]]:
    """A page of each of ``people`` at each process, all with values."""
    async with AsyncExitStack() as stack:
        places = [(who, process) for who in people for process in processes]
        pages = [process.page(SITE, who.session) for who, process in places]
        opened = await asyncio.gather(*(stack.enter_async_context(page) for page in pages))
        found: dict[Person, list[Page]] = {}
        for (who, _), page in zip(places, opened, strict=True):
            found.setdefault(who, []).append(page)
        yield found


async def test_every_way_ends_the_pages_of_both_processes(terminal: Terminal, tmp_path: Path) -> None:
    """Most changes come from a third program, two through the web of the first process; who is not meant goes on, and
    who confirmed to be there may come back."""
    async with web_processes(2, tmp_path) as processes:
        one, _ = processes
        root = await sync_to_async(administrator)()
        watch = await sync_to_async(watch_role)()
        who = {
            name: await person(name, "watch" if name == "role" else "viewer", terminal.site)
            for name in ("edited", "disabled", "password", "factors", "session", "role", "token", "moved", "bystander")
        }
        # Whoever loads the page has an access token; a socket alone opens none.
        await aaccess_token_for(await aget_site_for(who["token"].user, "north", session=who["token"].session))
        who["expired"] = await person("expired", "viewer", terminal.site, seconds=SOON)
        async with open_pages(who.values(), processes) as pages:
            begun = time.monotonic()
            for change in changes(who, watch).values():
                await sync_to_async(change)()
            (row,) = await sync_to_async(list)(AccessToken.objects.filter(user=who["token"].user))
            ends = {"action": "end_access", "_selected_action": [row.pk]}
            assert await asyncio.to_thread(one.post, "/admin/oauth2_provider/accesstoken/", root, ends) == 302
            assert await asyncio.to_thread(one.post, "/sign-out/", who["session"].session, {}) == 303
            for name in ("edited", "disabled", "password", "factors", "session", "role", "token", "moved"):
                for page in pages[who[name]]:
                    await page.until_over()
                    assert page.over_at - begun < PROMISE, name
                    assert page.last_data <= page.over_at
                    assert page.code == (4410 if name in {"token", "moved"} else 4403), (name, page.why)
            # Step-up goes on under another key: its person was not signed out, wherever the page is served.
            for process, page in zip(processes, pages[who["moved"]], strict=True):
                assert page.why.startswith("You confirmed")
                async with process.page(SITE, who["moved"].session):
                    pass
            for page in pages[who["expired"]]:
                await page.until_over()
                late = page.over_at - time.monotonic() + timezone.now().timestamp()
                assert 0 <= late - who["expired"].grant.valid_until.timestamp() < PROMISE
            assert not any(page.over.is_set() for page in pages[who["bystander"]])
            # The last way ends the last page, and with it what the agent sends: at once, not when its lease runs out.
            assert terminal.streaming
            begun = time.monotonic()
            terminal.site.enabled = False
            await terminal.site.asave()
            for page in pages[who["bystander"]]:
                await page.until_over()
                assert page.code == 4403 and "switched off" in page.why
            await eventually(lambda: terminal.streaming == 0)
            assert time.monotonic() - begun < PROMISE


def changes(who: dict[str, Person], watch: Role) -> dict[str, Callable[[], Any]]:
    def edit() -> None:
        grant = Grant.objects.get(pk=who["edited"].grant.pk)
        grant.valid_until -= dt.timedelta(hours=1)
        grant.save()

    def disable() -> None:
        who["disabled"].user.is_active = False
        who["disabled"].user.save()

    def set_password() -> None:
        who["password"].user.set_password("another horse, another battery")
        who["password"].user.save()

    def change_role() -> None:
        watch.scopes = "status:read data:live"
        watch.save()

    return {
        "edited": edit,
        "disabled": disable,
        "password": set_password,
        "factors": lambda: reset_factors(who["factors"].user),
        "role": change_role,
        "moved": lambda: move_session(who["moved"].session),
    }
