"""Whatever a plant, a configuration or a person writes is text on every page, part, file and label, and nothing more.

A real site whose every name, unit, word, value and alarm is hostile (hostile.py), the real web app, a real browser at
390x844: no script runs, no element is planted, no word of ours is turned by theirs, and nothing leaves the screen.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import mimetypes
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings as django_settings
from django.utils import timezone
from playwright.async_api import Page, async_playwright

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.models import Role
from hmi.ingest.links import close_links
from hmi.sites.access_request_rules import ask
from hmi.sites.gateway import get_gateway
from hmi.sites.models import Site
from relay_bridge.contract.scopes import SCOPES
from tests.hmi.live.people import give, make_person, sign_in
from tests.hmi.screens.hostile import MARK, PUMP, TANKS, TEXTS, HostileTerminal, cut
from tests.hmi.screens.page_server import static_file
from tests.support.chromium import ARGUMENTS, ensure
from tests.support.demo import free_port

NORTH, CSRF = "/sites/north", "c" * 32
MARKUP = TEXTS["markup"]
LIVE = "() => !document.body.dataset.live || document.getElementById('age-phone')?.textContent"
# What a page did with the texts; empty lists and false when all is well.
LOOK = r"""() => {
  const bidi = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u0590-\u05ff]/;
  const theirs = new RegExp(`[\\da-f]{8}(-[\\da-f]{4}){3}-[\\da-f]{12}|Zq|nommoc|123|${bidi.source}`, "g");
  const isolated = /\u2068[^\u2066-\u2069]*\u2069/g;
  const visible = (e) => e.checkVisibility({ checkVisibilityCSS: true });
  // Where the turning of a text ends: an isolate, or any box that is not within a line of text.
  const wall = (node) => {
    for (let e = node.parentElement; e; e = e.parentElement) {
      const { unicodeBidi, display } = getComputedStyle(e);
      if (unicodeBidi !== "normal" && unicodeBidi !== "embed") return e;
      if (display !== "inline" && display !== "contents") return e;
    }
    return document.body;
  };
  const unread = "script,style,template,option,textarea,.unseen";
  const nodes = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const { parentElement: e, data } = walk.currentNode;
    if (data.trim() && !e.closest(unread) && visible(e)) nodes.push(walk.currentNode);
  }
  const turned = [];
  for (const node of nodes.filter((each) => bidi.test(each.data))) {
    const inside = wall(node);
    const place = `${inside.tagName}.${inside.className.baseVal ?? inside.className}`;
    const rest = node.data.replace(isolated, "");
    if (bidi.test(rest) && /\p{L}/u.test(rest.replace(theirs, ""))) turned.push(`${place}: ${node.data.trim()}`);
    for (const other of nodes) {
      if (other === node || !inside.contains(other) || bidi.test(other.data) || wall(other) !== inside) continue;
      if (/[\p{L}\p{N}]/u.test(other.data.replace(theirs, ""))) turned.push(`${place}: ${other.data.trim()}`);
    }
  }
  const width = innerWidth;
  const right = (e) => e.getBoundingClientRect().left + Math.max(e.scrollWidth, e.getBoundingClientRect().width);
  const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} ${e.textContent.trim().slice(0, 40)}`;
  const away = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")]
    .filter((e) => visible(e) && getComputedStyle(e).position !== "fixed" && e.getBoundingClientRect().right > 0)
    .filter((e) => e.getBoundingClientRect().right > width + 1 || e.getBoundingClientRect().left < -1);
  const widest = [...document.querySelectorAll("body *")]
    .filter((e) => right(e) > width + 1 && ![...e.children].some((child) => right(child) > width + 1));
  return {
    planted: document.querySelectorAll("[data-planted], [onerror], [onfocus], img[src=x]").length,
    ran: "planted" in window,
    turned: [...new Set(turned)],
    wide: document.documentElement.scrollWidth > width ? document.documentElement.scrollWidth : 0,
    widest: widest.slice(0, 6).map(name),
    away: away.map(name),
    text: document.body.textContent,
  };
}"""


class House:
    """The running web app, its people's cookies, and what was made in it through its own pages."""

    def __init__(self, origin: str, terminal: HostileTerminal) -> None:
        self.origin, self.terminal = origin, terminal
        self.keys: dict[str, str] = {}
        self.clients: dict[str, httpx.AsyncClient] = {}
        self.admin_site = ""

    async def get(self, who: str, address: str, **options: Any) -> httpx.Response:
        response = await self.clients[who].get(address, **options)
        assert response.status_code == 200, (address, response.status_code, response.text[:300])
        return response

    async def post(self, address: str, **form: Any) -> httpx.Response:
        response = await self.clients["operator"].post(
            address, data=form | {"csrfmiddlewaretoken": CSRF}, headers={"Origin": self.origin}
        )
        assert response.status_code in {200, 303}, (address, response.status_code, response.text[:300])
        return response


def _people(site: Site) -> dict[str, str]:
    """Sessions of an operator who may do everything, and of an administrator; both have names that do harm."""
    Site.objects.filter(pk=site.pk).update(name=cut(MARKUP, 100))
    Role.objects.create(name=cut(TEXTS["attribute"], 80), slug="everything", scopes=" ".join(SCOPES), default_days=7)
    operator = make_person(cut(TEXTS["direction"], 150), first_name=cut(MARKUP, 150), email="op@example.com")
    admin = make_person(cut(MARKUP, 150), is_staff=True, is_superuser=True, email="a@example.com")
    grant = give(operator, "everything", site)
    grant.reason = cut(TEXTS["template"], 200)
    grant.save()
    ask(
        make_person("asker", first_name=cut(TEXTS["attribute"], 150)), slug="north",
        role=Role.objects.get(slug="viewer"),
        last_day=timezone.now().date() + dt.timedelta(days=2), reason=cut(MARKUP, 200),
    )  # fmt: skip
    keys = {}
    for name, person in (("operator", operator), ("admin", admin)):
        session = sign_in(person)
        session[AMR] = ["pwd", "otp", "mfa"]
        session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
        session.save()
        keys[name] = session.session_key
    return keys


def _with_files(pages: Any) -> Any:
    """The web app with its static files, which nobody collected for the tests."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        file = static_file(scope["path"])
        if file is None:
            await pages(scope, receive, send)
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode())]})
        await send({"type": "http.response.body", "body": await asyncio.to_thread(file.read_bytes)})

    return answer


@pytest_asyncio.fixture
async def house(transactional_db: None, tmp_path: Path, settings: Any) -> AsyncIterator[House]:
    from hmi.asgi import pages  # noqa: PLC0415 - reads the settings
    from hmi.live.routing import websocket_urlpatterns  # noqa: PLC0415

    port = free_port()
    settings.PUBLIC_URL = origin = f"http://127.0.0.1:{port}"
    settings.CSRF_TRUSTED_ORIGINS = [origin]
    settings.PHOTO_DIR = tmp_path / "photos"
    terminal = HostileTerminal(tmp_path / "terminal")
    await terminal.start()
    terminal.raise_alarms()
    sockets = OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), [origin])
    application = ProtocolTypeRouter({"http": _with_files(pages), "websocket": sockets})
    config = uvicorn.Config(application, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    house = House(origin, terminal)
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        house.keys = await sync_to_async(_people)(terminal.site)
        for name, key in house.keys.items():
            cookies = {django_settings.SESSION_COOKIE_NAME: key, django_settings.CSRF_COOKIE_NAME: CSRF}
            house.clients[name] = httpx.AsyncClient(base_url=origin, cookies=cookies, timeout=30)
        yield house
        for client in house.clients.values():
            await client.aclose()
    finally:
        server.should_exit = True
        await close_links()
        async with asyncio.timeout(20):
            await serving
        await get_gateway().close()
        await terminal.stop()


async def addresses(house: House) -> list[str]:
    """Every page that shows what others wrote; what must be made first is made through the pages themselves."""
    made = await house.post(f"{NORTH}/lists/", name=cut(MARKUP, 60))
    edit = made.headers["location"]
    key = edit.split("/")[4]
    for entry in ({"asset": TANKS[3]}, {"tag": f"{TANKS[0]}.product"}, {"tag": f"{PUMP}.mode"}):
        await house.post(f"{NORTH}/lists/{key}/change/", what="add", **entry)
    for tank, text in zip(TANKS, TEXTS.values(), strict=True):
        await house.post(f"{NORTH}/notes/assets/{tank}/write/", text=cut(text, 1900))
        await house.post("/favourites/star/", site="north", kind="asset", target=tank, on="1")
    alarms = (await house.get("operator", f"{NORTH}/alarms/?view=list")).text
    picks = re.findall(r'name="pick" value="([\w-]+ [\w-]+)"', alarms)
    assert picks
    nonce = re.search(r'name="nonce" value="([^"]+)"', alarms)
    assert nonce is not None
    shift_form = (await house.get("operator", f"{NORTH}/shifts/new/")).text
    shift = re.search(r'name="shift" value="([^"]+)"', shift_form)
    assert shift is not None
    one = await house.post(f"{NORTH}/shifts/new/", shift=shift[1].replace("&#x2B;", "+").replace("&#43;", "+"))
    shift_page = one.headers["location"]
    ids = sorted(set(re.findall(rf"{NORTH}/alarms/([0-9a-f]{{20}})/", alarms)))
    return [
        "/", f"{NORTH}/", f"{NORTH}/?order=abnormal&show=alarm",
        *(f"{NORTH}/tanks/{tank}/" for tank in TANKS[::2]), f"{NORTH}/tanks/{TANKS[-1]}/", f"{NORTH}/units/{PUMP}/",
        f"{NORTH}/alarms/?view=list", f"{NORTH}/alarms/?view=unit", f"{NORTH}/alarms/", f"{NORTH}/alarms/journal/",
        f"{NORTH}/alarms/figures/", f"{NORTH}/alarms/shelved/", *(f"{NORTH}/alarms/{each}/" for each in ids[:2]),
        f"{NORTH}/alarms/review/?" + "&".join(f"pick={pick.split()[0]}" for pick in picks),
        f"{NORTH}/trends/?tags=" + ",".join(f"{tank}.level" for tank in TANKS), f"/search/?q={MARK}", "/favourites/",
        f"{NORTH}/lists/", f"{NORTH}/lists/{key}/", edit, f"{NORTH}/lists/add/?asset={TANKS[0]}",
        f"{NORTH}/notes/", f"{NORTH}/notes/assets/{TANKS[3]}/", f"{NORTH}/shifts/", shift_page, f"{shift_page}paper/",
        f"{NORTH}/actions/", f"{NORTH}/setpoints/{PUMP}.sp/", f"{NORTH}/commands/{PUMP}.start/", "/account/access/",
        "/account/access/ask/", "/audit/",
    ]  # fmt: skip


PARTS = ("/sites/", f"{NORTH}/?show=moving", f"{NORTH}/alarms-of/{TANKS[0]}/", f"{NORTH}/alarms-of/{TANKS[3]}/",
         f"{NORTH}/trends/assets/{TANKS[3]}/")  # fmt: skip


@pytest.mark.timeout(300)  # some fifty pages in a real browser; 25 s on a quiet machine
async def test_on_every_page_they_are_text_and_nothing_else(house: House) -> None:
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=await asyncio.to_thread(ensure), args=ARGUMENTS)
        context = await browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
        page = await context.new_page()
        events: list[str] = []
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("dialog", lambda dialog: events.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda m: events.append(m.text) if re.search("Content Security|Uncaught", m.text) else None)
        await _as(context, house, "operator")
        for address in await addresses(house):
            await _look(page, house, address, events, complaints)
        await page.goto(f"{house.origin}{NORTH}/")
        for part in PARTS:
            await page.evaluate("(at) => htmx.ajax('GET', at, {target: '#content', swap: 'innerHTML'})", part)
            _judge(f"part {part}", await page.evaluate(LOOK), events, complaints)
        await _as(context, house, "admin")
        site = house.terminal.site.pk
        for address in (
            "/admin/sites/site/", f"/admin/sites/site/{site}/change/", f"/admin/sites/site/{site}/labels/",
            "/admin/sites/grant/", "/admin/sites/accessrequest/", "/admin/accounts/user/", "/audit/",
        ):  # fmt: skip
            await _look(page, house, address, events, complaints, desk=True)
        await page.goto(f"{house.origin}/admin/sites/site/{site}/labels/")
        await page.fill("#assets", "\n".join(f"{tank} {MARKUP[:50]}" for tank in TANKS))
        await page.click("input[type=submit][value='Make the labels']")
        _judge("the labels", await page.evaluate(LOOK), events, complaints, desk=True)
        await browser.close()
    assert not complaints, "\n".join(complaints)


async def _as(context: Any, house: House, who: str) -> None:
    await context.add_cookies(
        [
            {"name": django_settings.SESSION_COOKIE_NAME, "value": house.keys[who], "url": house.origin},
            {"name": django_settings.CSRF_COOKIE_NAME, "value": CSRF, "url": house.origin},
        ]
    )


async def _look(
    page: Page, house: House, address: str, events: list[str], complaints: list[str], *, desk: bool = False
) -> None:
    answer = await page.goto(f"{house.origin}{address}", wait_until="domcontentloaded")
    assert answer is not None and answer.status == 200, (address, answer and answer.status)
    await page.wait_for_function(LIVE)
    _judge(address, await page.evaluate(LOOK), events, complaints, desk=desk)


def _judge(where: str, found: dict[str, Any], events: list[str], complaints: list[str], *, desk: bool = False) -> None:
    """``desk``: a page of the administration, which is for a desk: there only that nothing runs is asked."""
    if found["planted"] or found["ran"]:
        complaints.append(f"{where}: {found['planted']} planted, ran: {found['ran']}")
    complaints.extend(f"{where}: {event}" for event in events)
    events.clear()
    if "49" in re.findall(rf"{MARK}(\d+)", found["text"]):
        complaints.append(f"{where}: a template ran")
    if desk:
        return
    complaints.extend(f"{where}: turned: {each}" for each in found["turned"])
    if found["wide"]:
        complaints.append(f"{where}: {found['wide']} px wide: {found['widest']}")
    complaints.extend(f"{where}: out of the screen: {each}" for each in found["away"])


async def test_no_file_for_a_spreadsheet_begins_a_formula_and_answers_for_programs_stay_whole(house: House) -> None:
    tags = ",".join(f"{tank}.level" for tank in TANKS)
    operator = house.clients["operator"]
    trend = await operator.get(f"{NORTH}/trends/values.csv?tags={tags}")
    journal = await house.get("operator", f"{NORTH}/alarms/journal.csv")
    await operator.get(f"{NORTH}/alarms/")
    audit = await operator.post(
        "/audit/export.csv", data={"csrfmiddlewaretoken": CSRF}, headers={"Origin": house.origin}
    )
    for answer in (trend, journal, audit):
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv"), answer.text[:300]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "attachment" in answer.headers["content-disposition"]
        for separator in ",;":
            rows = list(csv.reader(io.StringIO(answer.text, newline=""), delimiter=separator))
            cells = [cell.lstrip(' \ufeff\u00a0"') for row in rows for cell in row]
            assert not [cell for cell in cells if re.match(r"[=@\uff1d]|[+-](?!\d)", cell)], separator
    assert any("'=HYPERLINK" in line for line in journal.text.splitlines())
