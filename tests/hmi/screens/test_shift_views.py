"""Watch lists, notes and hand-over against a real site: relay, agent with alarms of its limits, three roles."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from PIL import Image

from accounts.assurance import ONE_TIME_CODE, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.models import User
from hmi.ingest.links import close_links
from hmi.live.list_watch import CHANGED, TAKEN_BACK, get_list_watch
from hmi.live.live_socket import CLOSE_ACCESS_ENDED, CLOSE_RELOAD
from hmi.notes.models import Note
from hmi.shifts.models import HandOver, Stage
from hmi.sites.gateway import get_gateway
from hmi.watch.list_models import WatchList
from tests.hmi.ingest.terminal import Terminal
from tests.hmi.live.people import agive, amake_person, asign_in
from tests.hmi.live.phone import Phone
from tests.support.web_server import serving

CSRF, NORTH = "c" * 32, "/sites/north"
ORIGIN = django_settings.PUBLIC_URL  # that the sockets ask for, before a server of a test changes it


class Crew:
    """People with a browser each."""

    def __init__(self, origin: str, terminal: Terminal) -> None:
        self.origin, self.terminal, self.clients, self.sessions = origin, terminal, {}, {}  # type: ignore[var-annotated]

    async def join(self, name: str, role: str) -> None:
        person = await amake_person(name)
        await agive(person, role, self.terminal.site)
        self.sessions[name] = session = await asign_in(person)
        cookies = {django_settings.SESSION_COOKIE_NAME: session.session_key, django_settings.CSRF_COOKIE_NAME: CSRF}
        self.clients[name] = httpx.AsyncClient(base_url=self.origin, cookies=cookies, timeout=20)

    async def get(self, name: str, address: str, status: int = 200) -> str:
        response = await self.clients[name].get(address)
        assert response.status_code == status, (address, response.status_code, response.text[:300])
        return str(response.text)

    async def post(self, who: str, address: str, /, status: int = 303, files: Any = None, **form: Any) -> str:
        """Where it leads, or, without a way, the page."""
        response = await self.clients[who].post(
            address, data=form | {"csrfmiddlewaretoken": CSRF}, files=files, headers={"Origin": self.origin}
        )
        assert response.status_code == status, (address, response.status_code, response.text[:300])
        return str(response.headers.get("Location") or response.text)


@pytest_asyncio.fixture
async def crew(transactional_db: None, tmp_path: Path, settings: Any) -> AsyncIterator[Crew]:
    settings.PHOTO_DIR = tmp_path / "photos"
    terminal = Terminal(tmp_path / "terminal")
    terminal.tanks, terminal.alarms = [101, 103], True
    await terminal.start()
    async with serving(settings) as origin:
        made = Crew(origin, terminal)
        for name, role in (("eva", "shift-supervisor"), ("otto", "field-operator"), ("vera", "viewer")):
            await made.join(name, role)
        yield made
        for client in made.clients.values():
            await client.aclose()
    await close_links()
    await get_gateway().close()
    await terminal.stop()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "grey").save(out, "JPEG", comment=b"SECRETPLACE")
    return out.getvalue()


async def test_list_is_live_for_whom_it_is_shared_with_and_counts_only_what_is_there(crew: Crew) -> None:
    edit = await crew.post("eva", f"{NORTH}/lists/", name="Loading <tonight>")
    key = edit.split("/")[4]
    one, change, socket = f"{NORTH}/lists/{key}/", f"{NORTH}/lists/{key}/change/", f"/ws{NORTH}/lists/{key}/"
    await crew.post("eva", change, what="add", asset="TK-101")
    await crew.post("eva", change, what="add", tag="TK-103.level")
    await crew.post("eva", change, what="add", asset="TK-999", status=400)
    await crew.post("eva", change, what="up", tag="TK-103.level")
    page = await crew.get("eva", one)
    assert "Loading &lt;tonight&gt;" in page and "TK-999" not in page
    assert page.index('data-tag="TK-103.level"') < page.index('data-tag="TK-101.level"')
    await crew.get("vera", one, 404)
    phone = Phone(socket, crew.sessions["vera"], origin=ORIGIN)
    assert not await phone.connect()
    await crew.post("vera", change, what="share", status=404)
    await crew.post("eva", change, what="share")
    assert "12.5" in await crew.get("vera", one)
    await crew.get("vera", edit, 404)
    phone = Phone(socket, crew.sessions["vera"], origin=ORIGIN)
    assert await phone.connect()
    frame = await phone.receive()
    assert frame is not None and set(frame["h"]) == {"TK-101.level", "TK-103.level"} and set(frame["x"]) == {"TK-101"}
    assert "2 entries" in await crew.get("vera", f"{NORTH}/lists/")
    # What is changed reaches the open page, and what is taken back closes it; the owner's own stays.
    await crew.post("eva", change, what="take-out", tag="TK-103.level")
    assert await phone.until_closed() == CLOSE_RELOAD and phone.frames[-1]["why"] == CHANGED
    await phone.leave()
    phone, own = (Phone(socket, crew.sessions[name], origin=ORIGIN) for name in ("vera", "eva"))
    assert await phone.connect() and await own.connect()
    await phone.until_live()
    begun = time.monotonic()
    await crew.post("eva", change, what="unshare")
    assert await phone.until_closed() == CLOSE_ACCESS_ENDED and phone.frames[-1]["why"] == TAKEN_BACK
    await phone.leave()
    assert time.monotonic() - begun < 5
    await crew.get("vera", one, 404)
    assert not await Phone(socket, crew.sessions["vera"], origin=ORIGIN).connect()
    await own.until_live()
    # Of a change by another process no bell rings here: the look finds it.
    await WatchList.objects.filter(pk=key).adelete()
    assert await own.until_closed() == CLOSE_ACCESS_ENDED
    await own.leave()
    assert len(get_list_watch()) == 0


async def test_note_with_its_photo_opens_only_through_the_grant(crew: Crew) -> None:
    asset = f"{NORTH}/notes/assets/TK-101/"
    await crew.post("otto", f"{asset}write/", text="Flange drips.\n<b>Tray</b>\u202e", files={"photo": picture()})
    page = await crew.get("vera", asset)
    assert "&lt;b&gt;Tray&lt;/b&gt;" in page and "\u202e" not in page and f'action="{asset}write/"' not in page
    found = re.search(r'<img src="([^"]+)"', page)
    assert found is not None
    answer = await crew.clients["vera"].get(found[1])
    assert answer.status_code == 200 and b"SECRET" not in answer.content
    headers = {name: answer.headers[name] for name in ("content-type", "cache-control", "x-content-type-options")}
    assert headers == {
        "content-type": "image/jpeg", "cache-control": "no-store", "x-content-type-options": "nosniff",
    }  # fmt: skip
    await crew.post("vera", f"{asset}write/", text="I may not", status=403)
    note = await Note.objects.aget()
    await crew.post("eva", f"{NORTH}/notes/{note.pk}/withdraw/", status=404)  # another's
    kept = await crew.post("otto", f"{asset}write/", text="typed", files={"photo": b"no photo"}, status=400)
    assert "no photo that can be read" in kept and ">typed</textarea>" in kept
    await crew.post("otto", f"{asset}write/", text="Tray emptied.", corrects=str(note.pk))
    assert "Corrected by a later note" in await crew.get("vera", asset)
    await crew.post("otto", f"{NORTH}/notes/{note.pk}/withdraw/")
    assert "Withdrawn by its author" in await crew.get("vera", asset)
    assert (await crew.clients["vera"].get(found[1])).status_code == 404
    assert await sync_to_async(lambda: list(django_settings.PHOTO_DIR.glob("*")))() == []
    tank = await crew.get("vera", f"{NORTH}/tanks/TK-101/")
    assert "Tray emptied." in tank and "Flange" not in tank


async def test_shift_is_drawn_from_its_events_and_signed_by_two(crew: Crew) -> None:
    await crew.post("otto", f"{NORTH}/notes/assets/TK-103/write/", text="Overfilled on purpose.")
    page = await crew.get("eva", f"{NORTH}/alarms/")
    alarm = re.search(r"/alarms/([0-9a-f]{20})/", page)
    assert alarm is not None
    form = await crew.get("eva", f"{NORTH}/shifts/new/")
    shift = re.search(r'name="shift" value="([^"]+)"', form)
    assert shift is not None
    one = await crew.post("eva", f"{NORTH}/shifts/new/", shift=shift[1].replace("&#x2B;", "+").replace("&#43;", "+"))
    draft = await crew.get("eva", one)
    assert "Overfilled on purpose." in draft and "TK-103" in draft and "active, not acknowledged" in draft
    await crew.get("otto", one, 404)
    drawn = re.search(r'name="drawn" value="([^"]+)"', draft)
    assert drawn is not None
    words: dict[str, Any] = {"what": "give", "words-general": "Quiet <night>."}
    refused = await crew.post("eva", f"{one}change/", drawn="before", status=400, **words)
    assert "It has changed since you looked" in refused and "Quiet &lt;night&gt;." in refused
    await crew.post("eva", f"{one}change/", drawn=drawn[1].replace("&#x2B;", "+"), **words)
    await crew.post("eva", f"{one}take/", seen="", status=400)
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', await crew.get("otto", one))
    assert seen is not None
    assert "Your role can read hand-overs here" in await crew.get("vera", one)
    await crew.post("vera", f"{one}take/", seen=seen[1], status=403)
    await crew.post("otto", f"{one}take/", seen=seen[1])
    row = await HandOver.objects.aget()
    assert row.stage == Stage.TAKEN
    for address in (one, f"{one}paper/"):
        page = await crew.get("vera", address)
        assert row.digest in page and "The content is what was signed." in page and "otto" in page
    await crew.post("eva", f"{one}change/", what="take-back", status=400)
    assert "signed by both" in await crew.get("vera", f"{NORTH}/shifts/?start=2000-01-01")
    assert "None in this time." in await crew.get("vera", f"{NORTH}/shifts/?end=2000-01-01")


async def test_signing_asks_to_confirm_who_one_is_where_the_setting_says_so(crew: Crew, settings: Any) -> None:
    """Both signatures, and nothing else; what was typed before is kept."""
    settings.HAND_OVER_STEP_UP = True
    form = await crew.get("eva", f"{NORTH}/shifts/new/")
    (shift, *_) = re.findall(r'name="shift" value="([^"]+)"', form)
    one = await crew.post("eva", f"{NORTH}/shifts/new/", shift=shift.replace("&#x2B;", "+"))
    (drawn,) = re.findall(r'name="drawn" value="([^"]+)"', await crew.get("eva", one))
    words: dict[str, Any] = {"drawn": drawn.replace("&#x2B;", "+"), "words-general": "Quiet."}
    assert await crew.post("eva", f"{one}change/", what="keep", **words) == one
    to = await crew.post("eva", f"{one}change/", what="give", **words | {"words-general": "Quiet night."})
    assert to.startswith("/confirm/?next=")
    row = await HandOver.objects.aget()
    assert row.stage == Stage.DRAFT and row.words == {"general": "Quiet night."} and not row.digest
    await confirm(crew, "eva")
    assert await crew.post("eva", f"{one}change/", what="give", **words) == one
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', await crew.get("otto", one))
    assert (await crew.post("otto", f"{one}take/", seen=seen)).startswith("/confirm/?next=")
    assert (await HandOver.objects.aget()).stage == Stage.GIVEN
    await confirm(crew, "otto", ago=400)  # five minutes are over
    assert (await crew.post("otto", f"{one}take/", seen=seen)).startswith("/confirm/?next=")
    await confirm(crew, "otto")
    assert await crew.post("otto", f"{one}take/", seen=seen) == one
    assert (await HandOver.objects.aget()).stage == Stage.TAKEN


async def confirm(crew: Crew, name: str, ago: int = 0) -> None:
    """As ``/confirm/`` leaves the session, but for its key."""
    session = crew.sessions[name]
    session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()) - ago, [ONE_TIME_CODE]
    await sync_to_async(session.save)()


async def test_stored_hand_over_reads_in_each_persons_language(crew: Crew) -> None:
    """It keeps names, codes and moments; role, language and words of ours are not in it."""
    await crew.post("eva", f"{NORTH}/notes/assets/TK-103/write/", text="Overfilled on purpose.")
    await User.objects.filter(username="eva").aupdate(language="sv")
    form = await crew.get("eva", f"{NORTH}/shifts/new/")
    (shift, *_) = re.findall(r'name="shift" value="([^"]+)"', form)
    one = await crew.post("eva", f"{NORTH}/shifts/new/", shift=shift.replace("&#x2B;", "+"))
    page = await crew.get("eva", one)
    assert '<html lang="sv"' in page and "aktivt, okvitterat" in page
    (drawn,) = re.findall(r'name="drawn" value="([^"]+)"', page)
    words: dict[str, Any] = {"drawn": drawn.replace("&#x2B;", "+"), "words-general": "Lugnt."}
    await crew.post("eva", f"{one}change/", what="give", **words)
    row = await HandOver.objects.aget()
    stored = json.dumps([row.events, row.words], ensure_ascii=False)
    assert "aktiv" not in stored and "kvitter" not in stored
    assert not [role for role in ("supervisor", "operator", "skiftled") if role in stored.lower()]
    read = await crew.get("otto", one)
    assert '<html lang="en"' in read and "active, not acknowledged" in read and "aktivt" not in read
    (seen,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', read)
    await crew.post("otto", f"{one}take/", seen=seen)
    for name, holds in (("vera", "The content is what was signed."), ("eva", "Innehållet är det som signerades.")):
        assert holds in await crew.get(name, one) and row.events == (await HandOver.objects.aget()).events
