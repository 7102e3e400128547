"""A shared tablet: what it kept to be read without network is unreadable on its disk, and gone after sign-out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.support import chromium
from tests.support.demo import Demo, wait_for
from tests.support.phone import PHONE, all_live, sign_in

MARKERS = ("Gasoline 95", "Gross observed volume", "sample of")
TANK = "/sites/demo/tanks/TK-101/"
# How many rows there are, the keys' own included; 0 without a database, which must not be made by looking.
ROWS = """async () => {
  if (!(await indexedDB.databases()).length) return 0;
  const base = await new Promise((done) => {
    const opening = indexedDB.open('sightline-kept');
    opening.onsuccess = () => done(opening.result);
  });
  if (!base.objectStoreNames.length) {  // it was forgotten in this moment, and our asking made an empty one
    base.close();
    indexedDB.deleteDatabase('sightline-kept');
    return 0;
  }
  const asking = base.transaction('kept').objectStore('kept').count();
  const count = await new Promise((done) => { asking.onsuccess = () => done(asking.result); });
  base.close();
  return count;
}"""


def test_nothing_is_left_after_sign_out(browser: Browser, demo: Demo, tmp_path: Path) -> None:
    """With a profile on disk, which is searched byte by byte: while the pages are kept, and when they are gone."""
    context = browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=chromium.ensure(), args=chromium.ARGUMENTS, viewport=PHONE
    )
    page = context.pages[0]
    sign_in(page, demo, "field operator")
    wait_for(lambda: page.evaluate(ROWS) >= 2, "my sites is kept")
    page.goto(demo.url + TANK)
    wait_for(lambda: all_live(page), "the tank live", within=20)
    wait_for(lambda: page.evaluate(ROWS) >= 3, "my sites and the tank are kept")
    wait_for(
        lambda: page.evaluate("navigator.serviceWorker.ready.then((r) => r.active.state)") == "activated", "worker"
    )
    context.set_offline(True)
    page.goto(demo.url + TANK)
    wait_for(lambda: page.locator("#as-of").is_visible(), "it is read without network")
    text = page.inner_text("#kept")
    assert all(marker in text for marker in MARKERS)
    context.set_offline(False)
    wait_for(lambda: page.locator("#strip").count() == 1, "the page itself again", within=15)
    assert found_on_disk(tmp_path) == []
    page.goto(demo.url + "/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{demo.url}/sign-in/")
    wait_for(lambda: page.evaluate(ROWS) == 0, "nothing kept")
    # The worker went with the rest of the site's data; the sign-in page brings it back.
    wait_for(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), "the worker is back")
    context.set_offline(True)
    page.goto(demo.url + TANK)
    assert "Nothing is known here" in page.inner_text("main")
    assert not page.locator("#kept-list").is_visible()
    context.close()
    assert found_on_disk(tmp_path) == []


def found_on_disk(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        found += [
            (str(path.relative_to(folder)), marker)
            for marker in MARKERS
            if marker.encode() in data or marker.encode("utf-16-le") in data
        ]
    return found
