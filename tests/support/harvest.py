"""Everything that reached a browser in a run: what came over the wire, what pages show and what the browser stored.

    harvest = Harvest(folder)
    harvest.watch(browser)      # from now on every context of it
    ...
    harvest.search(secrets)     # once the contexts are closed

What the phone itself sends is not searched where it must hold a secret: bodies of forms (a typed password), the
cookie header and Set-Cookie. Everything else is: addresses, other headers, bodies of answers, frames of live sockets,
the console, the page as it stands, script-readable cookies, localStorage, sessionStorage, IndexedDB, Cache Storage.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebSocket
from playwright.sync_api import Error as BrowserError

from tests.support.secret_search import Finding, SecretSearch

TOTP, RECOVERY = "a secret of an authenticator app", "a recovery code"
SESSION = "a session's key"
SESSION_COOKIES = {"sightline", "__Host-sightline"}
# The pages whose purpose it is to show these, once, to the one they belong to.
SHOWN_ON = {
    "/set-up/app/": {TOTP, RECOVERY},
    "/set-up/app/picture.svg": {TOTP},
    "/set-up/passkey/": {RECOVERY},
    "/account/factors/recovery-codes/": {RECOVERY},
}

# All that scripts of the page could read of what is stored, as one JSON text; a store that is closed to it is left out.
STORED = """async () => {
  const found = {local: {}, session: {}, databases: {}, caches: {}, cookies: ''};
  const tried = async (act) => { try { await act(); } catch (error) { found.closed = String(error.name); } };
  await tried(async () => { found.cookies = document.cookie; });
  await tried(async () => { found.local = {...localStorage}; });
  await tried(async () => { found.session = {...sessionStorage}; });
  await tried(async () => {
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const request of await cache.keys()) {
        const kept = await cache.match(request);
        found.caches[request.url] = await kept.text();
      }
    }
  });
  await tried(async () => {
    for (const {name} of await indexedDB.databases()) {
      const base = await new Promise((done, failed) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => done(opening.result);
        opening.onerror = () => failed(opening.error);
      });
      for (const store of base.objectStoreNames) {
        const rows = await new Promise((done, failed) => {
          const asking = base.transaction(store).objectStore(store).getAll();
          asking.onsuccess = () => done(asking.result);
          asking.onerror = () => failed(asking.error);
        });
        found.databases[name + '/' + store] = JSON.stringify(rows);
      }
      base.close();
    }
  });
  return JSON.stringify(found);
}"""
WITHIN = """async () => Promise.race([(STORED)(), new Promise((done) => setTimeout(() => done(''), 5000))])"""


class Harvest:
    """``seen`` counts what was kept, by kind, so that a test can say that there was something to search."""

    def __init__(self, folder: Path) -> None:
        self.seen: Counter[str] = Counter()
        self.values: dict[str, str] = {}  # secrets that browsers were given rightly: they must be nowhere else
        self._folder = folder
        self._kept: dict[tuple[str, bytes], None] = {}
        self._count = 0
        self._closed: set[Path] = set()

    def watch(self, browser: Browser) -> None:
        """Keep what every context that ``browser`` makes from now on gets to see."""
        browser.new_context = partial(self.new_context, browser)  # type: ignore[method-assign]

    def new_context(self, browser: Browser, **options: Any) -> BrowserContext:
        """A context of ``browser`` of which everything is kept, once it is closed."""
        self._count += 1
        record = self._folder / f"{self._count}.har"
        context = type(browser).new_context(browser, record_har_path=record, record_har_content="embed", **options)
        context.on("page", self._page)
        close: Callable[..., None] = context.close

        def close_watched(**arguments: Any) -> None:
            if record in self._closed:
                return
            self._closed.add(record)
            self._look(context)
            close(**arguments)
            self._read_record(record)
            record.unlink()

        context.close = close_watched  # type: ignore[method-assign]
        return context

    def close_all(self, browser: Browser) -> None:
        """Contexts that a test left open are looked at as well."""
        for context in list(browser.contexts):
            context.close()

    def keep(self, kind: str, where: str, data: bytes | str) -> None:
        self.seen[kind] += 1
        self._kept[f"{kind} {where}", data.encode() if isinstance(data, str) else data] = None

    def keep_logs(self, folder: Path) -> None:
        """Every log of a program below ``folder``."""
        for path in sorted(folder.rglob("*.log")):
            self.keep("log", str(path.relative_to(folder)), path.read_bytes())

    def search(self, secrets: dict[str, str]) -> list[Finding]:
        """All places of one of ``secrets``, of one that browsers were given, or of something that looks like one."""
        search = SecretSearch({**self.values, **secrets})
        return sorted(set(self._findings(search)))

    def _findings(self, search: SecretSearch) -> Iterator[Finding]:
        for where, data in self._kept:
            kind, _, place = where.partition(" ")
            allowed = SHOWN_ON.get(urlsplit(place).path, set()) if kind in {"answer", "page"} else set()
            yield from search.search(where[:300], data, but_not=allowed)

    # --- while the browser runs ---------------------------------------------------------------------------------------

    def _page(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.keep("error", page.url, str(error)))
        page.on("websocket", self._socket)
        page.on("framenavigated", lambda frame: self.keep("address", "of a page", frame.url))

    def _console(self, message: ConsoleMessage) -> None:
        self.keep("console", message.location.get("url", ""), message.text)

    def _socket(self, socket: WebSocket) -> None:
        self.keep("address", "of a socket", socket.url)
        socket.on("framereceived", lambda payload: self.keep("frame", socket.url, payload))
        socket.on("framesent", lambda payload: self.keep("frame", socket.url, payload))

    def _look(self, context: BrowserContext) -> None:
        for page in context.pages:
            try:
                self.keep("page", page.url, page.content())
                stored = page.evaluate(WITHIN.replace("STORED", STORED))
            except BrowserError:
                continue  # a page that is closed, crashed or on its way elsewhere: its answers are on record
            if stored:
                self._take_stored(page.url, json.loads(stored))
        for cookie in context.cookies():
            self._note_cookie(str(cookie.get("name")), str(cookie.get("value")))

    def _take_stored(self, where: str, stored: dict[str, Any]) -> None:
        self.keep("cookies", where, stored["cookies"])
        for kind in ("local", "session", "databases"):
            self.keep(kind, where, json.dumps(stored[kind], ensure_ascii=False))
        for address, text in stored["caches"].items():
            self.keep("cache", address, text)

    # --- afterwards -------------------------------------------------------------------------------------------------

    def _read_record(self, record: Path) -> None:
        for entry in json.loads(record.read_bytes())["log"]["entries"]:
            request, response = entry["request"], entry["response"]
            address = request["url"]
            self.keep("address", "of a request", address)
            for header in request["headers"]:
                if header["name"].lower() != "cookie":
                    self.keep("header", f"sent to {address}", f"{header['name']}: {header['value']}")
            for header in response["headers"]:
                if header["name"].lower() == "set-cookie":
                    name, _, rest = header["value"].partition("=")
                    self._note_cookie(name.strip(), rest.partition(";")[0])
                else:
                    self.keep("header", f"from {address}", f"{header['name']}: {header['value']}")
            content = response["content"]
            text = content.get("text", "")
            body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
            if body:
                self._note_shown(address, body)
                self.keep("answer", address, body)

    def _note_cookie(self, name: str, value: str) -> None:
        if name in SESSION_COOKIES and value.strip('"'):
            self.values[value] = SESSION

    def _note_shown(self, address: str, body: bytes) -> None:
        """What a page rightly showed once must stand nowhere else."""
        allowed = SHOWN_ON.get(urlsplit(address).path, set())
        text = body.decode(errors="replace")
        if TOTP in allowed:
            for secret in re.findall(r'class="secret">([A-Z2-7 ]+)<', text):
                self.values[secret] = self.values[secret.replace(" ", "")] = TOTP
        if RECOVERY in allowed:
            for code in re.findall(r"<code>(\d{5} \d{5})</code>", text):
                self.values[code] = self.values[code.replace(" ", "")] = RECOVERY
