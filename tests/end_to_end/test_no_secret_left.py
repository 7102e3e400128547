"""After all other browser tests: no token, key, signature, cookie, password or factor where it does not belong (bar 9).

Searched by pattern and by the values of this very run, in everything that browsers got to see and in every log.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from playwright.sync_api import Browser, Page

from tests.support.demo import Demo, secrets_of, wait_for
from tests.support.harvest import SESSION, Harvest
from tests.support.phone import all_live

SOMETHING_TO_SEARCH = ("answer", "address", "header", "frame", "page", "local", "session", "databases", "cache", "log")


def test_no_secret_left_the_server(operator: Page, demo: Demo, harvest: Harvest, tmp_path_factory) -> None:
    """With this test alone one person looks at one site; with the whole suite it is everybody at everything."""
    operator.goto(f"{demo.url}/sites/demo/")
    wait_for(lambda: all_live(operator), "overview live", within=20)
    wait_for(lambda: operator.evaluate("caches.keys().then((names) => names.length)"), "the worker keeps its page")
    operator.context.close()
    harvest.keep_logs(tmp_path_factory.getbasetemp())
    harvest.keep("log", "printed by the demo", "\n".join(_without_sign_ins(demo)))
    missing = [kind for kind in SOMETHING_TO_SEARCH if not harvest.seen[kind]]
    assert not missing, "nothing of this kind was kept, so nothing was proven"
    values = secrets_of(demo.directory)
    words = " ".join(values.values())
    for what in ("password", "private key", "Send key", "Listen key", "issuer.key.json", "management port", "session"):
        assert what in words, f"no {what} of this run is known"
    assert SESSION in harvest.values.values()
    assert harvest.search(values) == []


def _without_sign_ins(demo: Demo) -> list[str]:
    """The terminal's greeting prints the sign-ins, for that is how somebody gets into a demo."""
    people = json.loads((demo.directory / "credentials.json").read_text())
    greeting = {f"{person['username']}  {person['password']}" for person in people}
    return [line for line in demo.lines if not any(line.endswith(each) for each in greeting)]


# --- the search itself --------------------------------------------------------------------------------------------


class Careless(BaseHTTPRequestHandler):
    """A web app that leaves its secret in every place where a browser can find it."""

    secret: ClassVar[str] = ""
    place: ClassVar[str] = ""

    def do_GET(self) -> None:
        planted = self.secret if self.place in {"page", "script"} else ""
        script = self.path == "/careless.js"
        body = (
            f"globalThis.kept = '{planted if self.place == 'script' else ''}';"
            if script
            else f"<!doctype html><p>{planted if self.place == 'page' else ''}<script src=/careless.js></script>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("Content-Length", str(len(body)))
        if self.place == "header":
            self.send_header("X-Careless", self.secret)
        if self.place == "cookie":
            self.send_header("Set-Cookie", f"remembered={self.secret}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


@contextmanager
def careless(place: str, secret: str) -> Iterator[str]:
    handler = type("Handler", (Careless,), {"secret": secret, "place": place})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


BY_SCRIPT = {
    "local": "(secret) => localStorage.setItem('kept', secret)",
    "session": "(secret) => sessionStorage.setItem('kept', secret)",
    "cache": "async (secret) => (await caches.open('kept')).put('/kept', new Response(secret))",
    "databases": """(secret) => new Promise((done) => {
        const opening = indexedDB.open('kept');
        opening.onupgradeneeded = () => opening.result.createObjectStore('rows', {autoIncrement: true});
        opening.onsuccess = () => {
          const writing = opening.result.transaction('rows', 'readwrite');
          writing.objectStore('rows').add({token: secret});
          writing.oncomplete = done;
        }; })""",
    "console": "(secret) => console.warn('token', secret)",
    "dom": "(secret) => { document.body.dataset.token = secret; }",
    "error": """(secret) => new Promise((done) => {
        addEventListener('error', () => setTimeout(done));
        setTimeout(() => { throw new Error(secret); }); })""",
    "address": "(secret) => history.replaceState(null, '', '/?token=' + encodeURIComponent(secret))",
}


@pytest.mark.parametrize("place", ["page", "script", "header", "cookie", "query", *BY_SCRIPT])
def test_planted_secret_is_found(browser: Browser, tmp_path: Path, place: str) -> None:
    """Each place once. A harvest of its own, so that what is planted here is not found above."""
    secret = secrets.token_urlsafe(24)
    own = Harvest(tmp_path)
    with careless(place, secret) as address:
        context = own.new_context(browser)
        page = context.new_page()
        page.goto(f"{address}/?token={secret}" if place == "query" else address)
        if place in BY_SCRIPT:
            page.evaluate(BY_SCRIPT[place], secret)
        context.close()
    findings = own.search({secret: "the planted secret"})
    assert [finding for finding in findings if finding.what == "the planted secret"], (
        f"not found in {place}: {own.seen}"
    )
    assert not own.search({secrets.token_urlsafe(24): "another one"})


def test_planted_secret_is_found_in_a_log(tmp_path: Path) -> None:
    harvest = Harvest(tmp_path)
    folder = tmp_path / "demo" / "log"
    folder.mkdir(parents=True)
    (folder / "agent.log").write_text("INFO dialling wss://relay/$hc/demo?sb-hc-token=" + "x" * 40 + "\n")
    harvest.keep_logs(tmp_path)
    assert [finding.what for finding in harvest.search({})] == ["a signature in an address"]
