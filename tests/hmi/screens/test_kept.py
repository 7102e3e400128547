"""Reading without network in a real browser: what is kept, how it is shown, and that it goes with the sign-in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from hmi.screens import shell
from hmi.screens.contexts import asset_context
from hmi.screens.keeping import NOBODY, Keeping
from tests.hmi.screens.page_server import DEADLINE, PageServer, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_catalog

pytestmark = pytest.mark.asyncio(loop_scope="module")

TANK = "/sites/north/tanks/TK-101/"
OTHER = "/sites/north/tanks/TK-102/"
LIVE = {"src": {"main": [0, 0, ""], "aux": [0, 0, ""]}, "link": ["live", NOW, ""], "hb": 2000}
ALICE = Keeping("a" * 24, keeps=True, left=3_600_000, idle=1_800_000, open_is_use=True)
BOB = ALICE._replace(label="b" * 24)
MODULE = "const kept = await import('/static/js/kept.js');"
# Everything that scripts can find in the browser's stores, as one text; keys show as empty objects.
STORED = """async () => {
  // The address of the open page, which htmx notes for this tab, is no value.
  const found = [{...localStorage}, {...sessionStorage, 'htmx-current-path-for-history': ''}];
  for (const {name} of await indexedDB.databases()) {
    const base = await new Promise((done) => { const o = indexedDB.open(name); o.onsuccess = () => done(o.result); });
    for (const store of base.objectStoreNames) found.push(await new Promise((done) => {
      const asking = base.transaction(store).objectStore(store).getAll();
      asking.onsuccess = () => done(asking.result.map((row) =>
        [Object.keys(row), row.sealed ? new TextDecoder('latin1').decode(row.sealed) : '', row.label]));
    }));
    base.close();
  }
  return JSON.stringify(found);
}"""


def tank_page(tank: str, keeping: Keeping, path: str) -> str:
    context = asset_context(sample_access(), sample_answer(trouble=False), sample_catalog().asset(tank), f"/ws{path}")
    return render_page("screens/asset.html", context | {"keeping": keeping}, path=path)


@pytest_asyncio.fixture(loop_scope="module")
async def phone(browser: Browser, server: PageServer) -> AsyncIterator[BrowserContext]:
    prepare(server)
    context = await browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def app(browser: Browser, server: PageServer) -> AsyncIterator[BrowserContext]:
    """The same with the service worker, which takes its time to fetch the shell."""
    prepare(server)
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    yield context
    await context.close()


def prepare(server: PageServer) -> None:
    server.files["/sw.js"] = ("text/javascript", shell.worker_script())
    server.files["/manifest.webmanifest"] = ("application/manifest+json", "{}")
    server.pages["/offline/"] = render_page("screens/offline.html", {"keeping": None}, path="/offline/")
    server.pages["/sign-in/"] = render_page("screens/denied.html", {"keeping": Keeping(NOBODY)}, path="/sign-in/")
    server.pages[TANK] = tank_page("TK-101", ALICE, TANK)
    server.pages[OTHER] = tank_page("TK-102", BOB, OTHER)


async def watch(server: PageServer, page: Page, path: str = TANK, tank: str = "TK-101", level: float = 12.9) -> Any:
    """Open the page, bring it to life, and wait until it is kept."""
    await page.goto(server.origin + path)
    socket = await server.phone()
    await socket.say({"k": "s", "n": 1, "t": NOW, "h": {f"{tank}.level": 1}, "d": [[1, level]], "x": {}} | LIVE)
    await until(page, f"(async () => {{ {MODULE} return (await kept.read()).length > 0; }})()")
    return socket


async def stored(page: Page) -> str:
    return str(await page.evaluate(STORED))


async def until(page: Page, script: str) -> None:
    """Until the promise holds true; ``wait_for_function`` takes a promise itself for true."""
    async with asyncio.timeout(DEADLINE):
        while not await page.evaluate(script):
            await page.evaluate("new Promise(requestAnimationFrame)")


async def forgotten(page: Page) -> None:
    await until(page, "indexedDB.databases().then((all) => all.length === 0)")


async def test_last_values_are_read_under_their_time_and_everything_is_closed(
    server: PageServer, app: BrowserContext
) -> None:
    page = await app.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: "Policy" in message.text and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await watch(server, page)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await app.set_offline(True)
    await page.goto(server.origin + TANK)
    await expect(page.locator("#as-of")).to_contain_text("AS OF 18:53:2")
    await expect(page.locator("#as-of")).to_contain_text("Not the present")
    await expect(page.locator('#kept [data-tag="TK-101.level"]')).to_have_text("12.900")
    assert await page.locator("#kept [data-tag]").count() > 10
    assert await page.locator("#kept [data-tag]:not([data-stale])").count() == 0
    await expect(page.locator('#kept [data-note-for="TK-101.level"]').first).to_contain_text("stale")
    # Nothing that acts: no form, no button that can be pressed, no way to a page that is not kept, no token.
    assert await page.locator("form, #kept :is(button, input, select, textarea):not([disabled])").count() == 0
    assert await page.locator("#kept [hx-get], #kept [hx-post], #kept [action]").count() == 0
    assert await page.locator(f'#kept a[href]:not([href^="{TANK}"])').count() == 0
    assert "csrf" not in await page.content()
    assert complaints == []
    # With the network it is the page itself again, and nothing kept stands on it.
    await app.set_offline(False)
    await expect(page.locator("body")).to_have_attribute("data-live", re.compile("."), timeout=30_000)
    assert await page.locator("#as-of").count() == 0


async def test_page_that_was_not_kept_shows_what_was(server: PageServer, app: BrowserContext) -> None:
    page = await app.new_page()
    await watch(server, page)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await app.set_offline(True)
    await page.goto(f"{server.origin}/sites/north/setpoints/P-101.setpoint/")
    await expect(page.locator("h1")).to_have_text("No connection")
    await expect(page.locator("#kept-pages a")).to_have_attribute("href", TANK)
    await page.locator("#forget").click()
    await expect(page.locator("#kept-list")).to_be_hidden()
    await forgotten(page)


async def test_nothing_can_be_read_in_the_stores(server: PageServer, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await watch(server, page)
    text = await stored(page)
    assert "sealed" in text
    for value in ("TK-101", "North", "12.9", "Gasoline", "data-tag", "csrf"):
        assert value not in text
    made = f"(async () => {{ {MODULE} "
    exported = made + "const key = (await all()).find(({id}) => id === 'key'); return key.cipher.extractable; })()"
    rows = "const all = () => new Promise((d) => { const o = indexedDB.open('sightline-kept'); o.onsuccess = () => { "
    rows += "const g = o.result.transaction('kept').objectStore('kept').getAll(); "
    rows += "g.onsuccess = () => { o.result.close(); d(g.result); }; }; }); "
    assert await page.evaluate(exported.replace("const key", rows + "const key")) is False


@pytest.mark.parametrize("how", ["signed out", "another person", "refused", "ended"])
async def test_it_goes_with_the_sign_in(server: PageServer, phone: BrowserContext, how: str) -> None:
    page = await phone.new_page()
    socket = await watch(server, page)
    if how == "ended":
        await socket.say({"k": "bye", "n": 2, "why": "Your access ended."})
        await socket.close(4403)
    elif how == "signed out":
        await page.goto(f"{server.origin}/sign-in/")
    elif how == "refused":
        server.pages[TANK] = render_page("screens/denied.html", {"keeping": ALICE}, path=TANK)
        await page.goto(server.origin + TANK)
    else:
        await watch(server, page, OTHER, "TK-102", 5.5)
        addresses = f"(async () => {{ {MODULE} return (await kept.read()).map((p) => p.address).join(); }})()"
        await until(page, addresses.replace("join()", f"join() === '{OTHER}'"))
        assert ALICE.label not in await stored(page)
        return
    await forgotten(page)


async def test_another_tab_cannot_bring_it_back(server: PageServer, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await watch(server, page)
    script = f"""(async () => {{ {MODULE}
      await kept.forget();
      const late = {{address: '/', title: '', html: 'late'}};
      return kept.keep('{ALICE.label}', late, Date.now(), Date.now() + 1e6); }})()"""
    assert await page.evaluate(script) is False
    assert "sealed" not in await stored(page)


async def test_it_ends_by_the_phones_own_clock(server: PageServer, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await watch(server, page)
    late = f"(async () => {{ {MODULE} return (await kept.read(Date.now() + %d)).length; }})()"
    assert await page.evaluate(late % (1_700_000)) == 1
    assert await page.evaluate(late % (1_900_000)) == 0  # 30 minutes without use; the hour of the sign-in is not over
    await forgotten(page)
    await page.reload()
    await server.phone()
    await watch(server, page)
    assert await page.evaluate(late % -600_000) == 0  # a clock that was set back gives nobody more time


async def test_it_is_bounded_by_number_and_by_size(server: PageServer, phone: BrowserContext) -> None:
    page = await phone.new_page()
    await watch(server, page)
    script = f"""(async () => {{ {MODULE}
      const noise = (size) => {{
        let text = ''; while (text.length < size) text += Math.random().toString(36); return text; }};
      const at = Date.now(), until = at + 1e6;
      const page = (n, html) => kept.keep('{ALICE.label}', {{address: '/' + n, title: '', html}}, at + n, until);
      for (let n = 1; n <= 40; n += 1) await page(n, 'small');
      const many = await kept.read();
      const tooLarge = await page(50, noise(1100000));
      for (let n = 60; n < 68; n += 1) await page(n, noise(700000));
      const large = await kept.read();
      return [many.length, many[0].address, tooLarge, large.length < 8, large.length >= 3, large[0].address]; }})()"""
    assert await page.evaluate(script) == [30, "/40", False, True, True, "/67"]


async def test_notes_are_read_as_they_were_opened(server: PageServer, app: BrowserContext) -> None:
    """A page without live values is kept too, once; what acts on it is closed and its photo is not there."""
    path = "/sites/north/notes/assets/TK-101/"
    note = {
        "id": "1", "author": "eva", "moment": "14:02", "text": "Valve 3 drips.", "own": True,
        "photo": f"{path}photo/", "width": 60, "height": 40,
    }  # fmt: skip
    context = {
        "keeping": ALICE, "asset_name": "Tank 101", "asset_id": "TK-101", "place": "North", "zone_name": "Europe/Oslo",
        "slug": "north", "notes": [note | {"id": "00000000-0000-4000-8000-000000000001"}], "may_write": True,
        "newest": True, "site_href": "/sites/north/", "max_text": 2000,
    }  # fmt: skip
    server.pages[path] = render_page("notes/asset.html", context, path=path)
    page = await app.new_page()
    await page.goto(server.origin + path)
    await until(page, f"(async () => {{ {MODULE} return (await kept.read()).length > 0; }})()")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await app.set_offline(True)
    await page.goto(server.origin + path)
    await expect(page.locator("#as-of")).to_contain_text("AS OF")
    await expect(page.locator("#as-of-zone")).to_have_text("Europe/Oslo")
    await expect(page.locator("#kept .note-text")).to_have_text("Valve 3 drips.")
    await expect(page.locator("#kept .note-write")).to_contain_text("Closed: no connection.")
    assert await page.locator("form, #kept img, #kept :is(button, input, textarea):not([disabled])").count() == 0
    await app.set_offline(False)
    await page.wait_for_function("() => document.body.dataset.still")
    await page.goto(f"{server.origin}/sign-in/")
    await forgotten(page)
