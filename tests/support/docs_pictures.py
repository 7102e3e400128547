"""The pictures of docs/operators.md and of README.md: which there are, and what the demo is made to do for each.

    make demo PORT=8000 DEMO_DIR=.demo      # a fresh one; wait 10 minutes, so that the trend has something to show
    .venv/bin/python -m tests.support.photograph --demo .demo --url http://127.0.0.1:8000 --docs

They are taken in this order, since later ones need what earlier ones left. The demo's plant is given faults.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asyncua.sync import Client
from PIL import Image
from playwright.sync_api import Page

from tests.support.demo import ROOT
from tests.support.phone import TABLET
from tests.support.screens import NOBODY, OPERATOR, SETPOINT, SITE, SUPERVISOR, VIEWER, Screen
from tests.support.screens_left import both, confirm, draft, first_of, press, send, set_up, shelve, star

FOLDER = ROOT / "docs" / "images" / "operators"
SIDE_BY_SIDE = ROOT / "docs" / "images" / "phone.png"
MOST = 40_000  # bytes of one picture
MOST_SIDE_BY_SIDE = 150_000
GAP = 16  # px between two phones
NAMESPACE = "urn:sightline:tank-farm"
TREND = f"{SITE}trends/?tags=TK-202.level,TK-205.level&span=1h"


class Plant:
    """The simulated plant of the demo, through its own door."""

    def __init__(self, demo: Path) -> None:
        sources = tomllib.loads((demo / "site" / "site.toml").read_text())["source"]
        self._address = next(each["url"] for each in sources if each["kind"] == "opcua")

    def fault(self, text: str) -> None:
        self._call("Faults.Apply", text)

    def clear(self) -> None:
        self._call("Faults.Clear")

    def _call(self, method: str, *arguments: str) -> None:
        with Client(self._address) as client:
            index = client.get_namespace_index(NAMESPACE)
            client.get_node(f"ns={index};s=Faults").call_method(client.get_node(f"ns={index};s={method}"), *arguments)


@dataclass(frozen=True)
class Picture:
    """``screen`` is where it is taken. ``before`` changes the plant; ``at`` is scrolled to the top of what is seen."""

    name: str
    screen: Screen
    theme: str = "light"
    size: dict[str, int] | None = None
    hands: str = "bare"
    before: Callable[[Plant], None] | None = None
    at: str = ""
    shown: bool = True  # False: only done, because a later one needs it


def faults(*texts: str) -> Callable[[Plant], None]:
    def apply(plant: Plant) -> None:
        plant.clear()
        for text in texts:
            plant.fault(text)

    return apply


def open_shelving(page: Page) -> None:
    page.locator("[data-alarm] a").last.click()
    page.wait_for_url("**/alarms/*/**")
    page.locator("summary", has_text="Shelve").click()
    page.fill("#reason", "Float sticks, fitter is on the way")


def write_down(page: Page) -> None:
    draft(page)
    page.locator("textarea").first.fill("Fitter comes at 7 for the float of TK-107. Dip it by hand until then.")


def closer(page: Page) -> None:
    before = page.locator(".trend-stretch").inner_text()
    page.locator(".trend-nav").get_by_role("link", name="Closer").click()
    page.wait_for_function("(old) => document.querySelector('.trend-stretch')?.innerText !== old", arg=before)


def flooded(page: Page) -> None:
    page.get_by_text("flood").first.wait_for()


def lose_network(page: Page) -> None:
    page.wait_for_selector("#strip-link[data-state=live]")
    page.wait_for_timeout(2000)
    page.context.set_offline(True)
    page.wait_for_selector("#strip[data-trouble]")
    page.wait_for_timeout(9000)


def read_kept(page: Page) -> None:
    """The copy of the page, as the phone shows it when it is opened without network."""
    page.wait_for_selector("#strip-link[data-state=live]")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_timeout(2000)
    page.context.set_offline(True)
    page.goto(page.url)
    page.wait_for_selector("#as-of:not([hidden])")


TANK_HIGH = Screen("", OPERATOR, f"{SITE}tanks/TK-107/")
OVERVIEW = Screen("", OPERATOR, SITE)
MOVING = Screen("", OPERATOR, f"{SITE}?order=soonest&show=moving", first_of("[data-asset] a"))  # whichever it is then
DOUBTFUL = ("bad-quality=TK-105.Level", "uncertain-quality=TK-106.Level")
PICTURES = (
    Picture("sign-in", Screen("", NOBODY, "/sign-in/")),
    Picture("start", Screen("", OPERATOR, SITE, star)),
    Picture("overview", OVERVIEW, at="[data-asset='TK-201']"),
    Picture("tank", MOVING),
    Picture("tank-tablet", MOVING, "night", TABLET),
    Picture("gloves", TANK_HIGH, "sun", hands="gloves"),
    Picture("alarms", Screen("", OPERATOR, f"{SITE}alarms/")),
    Picture("shelve", Screen("", SUPERVISOR, f"{SITE}alarms/", open_shelving), at="details:has(#reason)"),
    Picture("", Screen("", SUPERVISOR, f"{SITE}alarms/", shelve), shown=False),
    Picture("denied", Screen("", VIEWER, SETPOINT, status=403)),
    Picture("trends", Screen("", OPERATOR, TREND, closer), size=TABLET, at="h1"),
    Picture("", Screen("", OPERATOR, f"{SITE}shifts/new/", both(write_down, press("Sign and hand over"))), shown=False),
    Picture("hand-over", Screen("", SUPERVISOR, f"{SITE}shifts/", first_of(".shift-open")), at=".shift-take"),
    Picture("", Screen("", SUPERVISOR, "/set-up/app/", set_up), shown=False),
    Picture("change", Screen("", SUPERVISOR, SETPOINT, confirm)),
    Picture("outcome", Screen("", SUPERVISOR, SETPOINT, send)),
    Picture("marks", OVERVIEW, before=faults(*DOUBTFUL), at="[data-asset='TK-105']"),
    Picture("flood", Screen("", OPERATOR, f"{SITE}alarms/", flooded), "night", before=faults("alarm-flood=24")),
    Picture("without-network", Screen("", OPERATOR, SITE, read_kept), before=faults()),
)  # fmt: skip
NAMES = tuple(each.name for each in PICTURES if each.shown)
README = (  # side by side
    Picture("", OVERVIEW, at="[data-asset='TK-201']"),
    Picture("", TANK_HIGH),
    Picture("", Screen("", OPERATOR, SITE, lose_network), at="[data-asset='TK-201']"),
)


def small(picture: bytes | Image.Image, most: int, into: Path) -> None:
    """As a PNG with a palette, of as many colours as fit into ``most`` bytes; our screens have few."""
    image = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
    for colours in (64, 48, 32, 24, 16):
        written = io.BytesIO()
        image.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
        if written.tell() <= most:
            into.write_bytes(written.getvalue())
            return
    raise ValueError(f"{into.name} does not fit into {most} bytes")


def beside(pictures: list[bytes]) -> Image.Image:
    """Several phones next to each other, white between them."""
    images = [Image.open(io.BytesIO(each)).convert("RGB") for each in pictures]
    wide = sum(each.width for each in images) + GAP * (len(images) - 1)
    together = Image.new("RGB", (wide, images[0].height), "white")
    for number, each in enumerate(images):
        together.paste(each, (number * (each.width + GAP), 0))
    return together
