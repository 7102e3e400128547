"""Takes a picture of every screen of a running demo, in each theme, at the size of a phone and of a tablet.

    make demo PORT=8000 DEMO_DIR=.demo
    .venv/bin/python -m tests.support.photograph --demo .demo --url http://127.0.0.1:8000 --to pictures

What is in the folder afterwards: ``tank-phone-sun.png`` and so on. The demo is changed by it, as
screens_left.py says: take a fresh one. ``--docs`` instead of ``--to`` writes the pictures of the documentation
(docs_pictures.py).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.support import chromium, docs_pictures
from tests.support.docs_pictures import Picture, Plant
from tests.support.phone import PHONE, TABLET
from tests.support.screens import NOBODY, SCREENS, SUPERVISOR, Screen
from tests.support.screens_left import LEAVING, secrets

SIZES = {"phone": PHONE, "tablet": TABLET}
THEMES = ("light", "night", "sun")
DRESS = """(theme) => {
  document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}"""
SCROLL = """(there) => {
  const top = document.querySelector(".top");
  scrollBy(0, there.getBoundingClientRect().top - (top ? top.getBoundingClientRect().height : 0) - 8);
}"""
SETTLES = 1500  # ms from the page being there to its values and curves having come


class Photographer:
    """One browser context for each person, kept for all their screens."""

    def __init__(self, browser: Browser, url: str, demo: Path, folder: Path) -> None:
        self._browser, self._url, self._folder = browser, url, folder
        secrets["demo"] = str(demo)
        self._passwords = {each["role"]: each for each in json.loads((demo / "credentials.json").read_text())}
        self._pages: dict[str, Page] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, screen: Screen, hands: str) -> None:
        page = self._go(screen, hands)
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            page.wait_for_timeout(SETTLES)
            for theme in THEMES:
                page.evaluate(DRESS, theme)
                page.screenshot(path=self._folder / f"{screen.name}-{size}-{theme}.png")

    def take_one(self, picture: Picture, plant: Plant) -> bytes:
        """The picture as PNG, for the documentation."""
        page = self._page_of(picture.screen.person)
        if picture.before is not None:
            picture.before(plant)
            page.wait_for_timeout(2 * SETTLES)  # until the plant's values show it
        try:
            self._go(picture.screen, picture.hands)
            page.set_viewport_size(picture.size or PHONE)
            page.evaluate(DRESS, picture.theme)
            if picture.at:
                page.locator(picture.at).first.evaluate(SCROLL)
            page.wait_for_timeout(SETTLES)
            return page.screenshot()
        finally:
            page.context.set_offline(False)

    def _go(self, screen: Screen, hands: str) -> Page:
        page = self._page_of(screen.person)
        page.set_viewport_size(PHONE)
        cookies = {"list-look": "tiles" if screen.tiles else "rows", "hands": hands}
        page.context.add_cookies([{"name": name, "value": value, "url": self._url} for name, value in cookies.items()])
        page.goto(self._url + screen.path)
        if screen.steps is not None:
            screen.steps(page)
        return page

    def _page_of(self, person: str) -> Page:
        if person not in self._pages:
            page = self._browser.new_context(viewport=PHONE, has_touch=True).new_page()
            self._pages[person] = page
            if person != NOBODY:
                self._sign_in(page, person)
        return self._pages[person]

    def _sign_in(self, page: Page, person: str) -> None:
        known = self._passwords[person]
        if person == SUPERVISOR:
            secrets["password"] = known["password"]
        page.goto(f"{self._url}/sign-in/")
        page.fill("input[name=username]", known["username"])
        page.fill("input[name=password]", known["password"])
        page.click("button[type=submit]")
        page.wait_for_url(f"{self._url}/")


def take_docs(photographer: Photographer, plant: Plant, only: list[str] | None) -> list[str]:
    """The pictures of the documentation, in their order; answers the names of those that failed."""
    if not only or "phone" in only:
        three = [photographer.take_one(each, plant) for each in docs_pictures.README]
        docs_pictures.small(docs_pictures.beside(three), docs_pictures.MOST_SIDE_BY_SIDE, docs_pictures.SIDE_BY_SIDE)
    failed = []
    for picture in docs_pictures.PICTURES:
        if only and picture.name not in only:
            continue
        try:
            taken = photographer.take_one(picture, plant)
        except Error as error:
            failed.append(picture.name or picture.screen.path)
            print(f"{failed[-1]}: {str(error).splitlines()[0]}", flush=True)
            continue
        if picture.shown:
            docs_pictures.small(taken, docs_pictures.MOST, docs_pictures.FOLDER / f"{picture.name}.png")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--demo", type=Path, required=True, help="the folder of the running demo")
    parser.add_argument("--url", required=True, help="its address, as it says at its start")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, help="the folder for the pictures")
    where.add_argument("--docs", action="store_true", help="the pictures of docs/operators.md and README.md instead")
    parser.add_argument("--hands", choices=("bare", "gloves"), default="bare")
    parser.add_argument("--only", nargs="*", help="names of screens; all without it")
    arguments = parser.parse_args()
    failed = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=chromium.ARGUMENTS)
        folder = docs_pictures.FOLDER if arguments.docs else arguments.to
        photographer = Photographer(browser, arguments.url, arguments.demo, folder)
        if arguments.docs:
            failed = take_docs(photographer, Plant(arguments.demo), arguments.only)
        for screen in () if arguments.docs else (*SCREENS, *LEAVING):
            if arguments.only and screen.name not in arguments.only:
                continue
            try:
                photographer.take(screen, arguments.hands)
            except Error as error:
                failed.append(screen.name)
                print(f"{screen.name}: {str(error).splitlines()[0]}", flush=True)
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
