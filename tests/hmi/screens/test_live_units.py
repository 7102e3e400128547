"""A person reads feet, barrels and Fahrenheit: at first paint and live, while drawings and custody figures stay."""

from __future__ import annotations

import json
import math
import re
import zoneinfo
from array import array
from typing import Any

import pytest
from django.utils import translation
from playwright.async_api import Page, expect

from hmi.languages.unit_choice import units_now, units_of
from hmi.screens.contexts import asset_context, site_context
from hmi.screens.presenters.trend import Pen, show_trend
from hmi.screens.presenters.trend_table import show_table
from hmi.screens.presenters.trend_units import in_units
from hmi.screens.presenters.units import feet_text
from hmi.trends.strips import Strip
from hmi.trends.windows import latest
from tests.hmi.screens.page_server import PageServer, render_page
from tests.hmi.screens.sample import NOW, sample_access, sample_answer, sample_catalog
from tests.hmi.screens.test_live_page import LIVE, SOURCES

pytestmark = pytest.mark.asyncio(loop_scope="module")

OSLO = zoneinfo.ZoneInfo("Europe/Oslo")
TANK = "TK-101"
PATH = f"/sites/north/tanks/{TANK}/"
HANDLES = {f"{TANK}.{canon}": handle for handle, canon in enumerate(("level", "temp_avg", "flow", "gov"), start=1)}


class Person:
    def __init__(self, units: str) -> None:
        self.units = units


def tank_page(units: str) -> tuple[dict[str, Any], str]:
    with units_of(Person(units)):
        context = asset_context(
            sample_access(), sample_answer(trouble=False), sample_catalog().asset(TANK), f"/ws{PATH}"
        )
        return context, render_page("screens/asset.html", context, path=PATH)


def place(page: Page, canon: str) -> Any:
    return page.locator(f'[data-tag="{TANK}.{canon}"]')


async def test_what_the_server_drew_is_what_the_socket_brings(server: PageServer, page: Page) -> None:
    server.pages[PATH] = tank_page("us")[1]
    await page.goto(f"{server.origin}{PATH}")
    await expect(place(page, "level")).to_have_text(feet_text(12.345 / 0.3048))
    await expect(place(page, "temp_avg")).to_have_text("65.1")
    fill = page.locator(f'[data-bar="{TANK}.level"] [data-fill]')
    drawn = await fill.get_attribute("height")
    phone = await server.phone()
    derived = {TANK: {"alarm": "", "move": "receiving", "rate": 12.34, "rate_unit": "mm/min", "to": {"h": 81.0}}}
    data = [[1, 12.345, -400], [2, -40.0, -400], [3, -100.0, -400], [4, 9937.7, -400]]
    frame = {"k": "s", "n": 1, "t": NOW, "h": HANDLES, "d": data, "x": derived, "src": SOURCES, "link": LIVE}
    await phone.say(frame | {"hb": 2000})
    await expect(place(page, "temp_avg")).to_have_text("-40.0")
    await expect(place(page, "level")).to_have_text(feet_text(12.345 / 0.3048))
    assert float(await fill.get_attribute("height") or 0) == pytest.approx(float(drawn or 0), abs=0.01)
    await expect(place(page, "flow")).to_have_text("-629")
    await expect(page.locator(f'[data-tag="{TANK}.flow"] ~ .unit')).to_have_text("bbl/h")
    # The custody figure keeps its unit and its digits, and carries nothing to convert by.
    await expect(place(page, "gov")).to_have_text("9937.7")
    await expect(page.locator(f'[data-tag="{TANK}.gov"] ~ .unit')).to_have_text("m³")
    assert await place(page, "gov").get_attribute("data-factor") is None
    await expect(page.locator("[data-rate-number]")).to_have_text("+0.49")
    await expect(page.locator("[data-rate-unit]")).to_have_text("in/min")
    # The last value of one that turned bad is in the person's unit too.
    await phone.say({"k": "d", "n": 2, "t": NOW + 1000, "d": [[2, 18.4, 0, 0x808C0000]]})
    await expect(place(page, "temp_avg")).to_have_text("—")
    last = page.locator(f'[data-last-for="{TANK}.temp_avg"]')
    await last.locator("summary").click()
    await expect(last).to_contain_text("65.1 °F")


async def test_limits_rates_and_ranges_are_read_in_the_same_unit() -> None:
    asset = tank_page("us")[0]["asset"]
    assert [(limit.letters, limit.text) for limit in asset.limits][:2] == [
        ("HH", feet_text(14.5 / 0.3048)), ("H", feet_text(13.5 / 0.3048)),
    ]  # fmt: skip
    assert asset.working_range == f"{feet_text(2.0 / 0.3048)} to {feet_text(13.5 / 0.3048)}"
    assert (asset.rate.text, asset.rate.unit) == ("+0.48", "in/min")
    assert [limit.text for limit in asset.bar.limits][:2] == [limit.text for limit in asset.limits][:2]


async def test_the_sites_own_units_change_nothing() -> None:
    ours, theirs = (tank_page(units)[1] for units in ("site", "si"))
    assert not re.search(r"data-(offset|form|rate-factor)", ours)
    with units_of(Person("site")):
        assert units_now() == "site"
    assert units_now() == "site"
    # The sample is in SI but for its pressure, which is in mbar: SI knows that too.
    strip = lambda html: [line for line in html.splitlines() if "csrf" not in line]  # noqa: E731
    assert strip(ours) == strip(theirs)


async def test_a_foreign_choice_of_units_is_the_sites() -> None:
    with units_of(Person("furlongs")):
        assert units_now() == "site"
    with units_of(object()):
        assert units_now() == "site"


async def test_every_row_of_a_list_carries_its_own_factor() -> None:
    with units_of(Person("us")):
        html = render_page("screens/site.html", site_context(sample_access(), sample_answer()))
    assert html.count('data-rate-in="in/min"') == 14
    assert 'data-form="ft16"' in html


async def test_trend_axis_cursor_and_table_are_in_the_persons_unit() -> None:
    tag = sample_catalog().tag(f"{TANK}.level")
    assert tag is not None
    window = latest("8h", NOW)
    values = array("d", [3.048] * (window.n - 1) + [math.nan])
    history = Strip(window.start, window.width, values, values, values, "0" * window.n, "ring", NOW)
    read, strip, written = in_units(tag, history, "us")
    trend = show_trend([Pen(read, TANK, strip, written=written)], window, OSLO, NOW)
    (panel,) = trend.panels
    assert panel.title == "TK-101 Level, ft"
    assert float(panel.low) < 10 < float(panel.high)
    low, _, average = json.loads(trend.pens[0].values)
    assert (low[0], average[0], average[-1]) == (10.0, 10.0, None)
    assert (trend.pens[0].form, trend.pens[0].unit, float(trend.pens[0].factor)) == ("ft16", "", 1 / 0.3048)
    rows = show_table([Pen(read, TANK, strip, written=written)], window, OSLO, NOW)
    assert rows[-1].cells[0].text == "10' 00 00/16\""
    with translation.override("de"):
        ticks = show_trend([Pen(read, TANK, strip, written=written)], window, OSLO, NOW).panels[0].ticks
    assert all("." not in tick.text for tick in ticks)
    assert all("," not in tick.place for tick in ticks)


async def test_trend_of_a_custody_figure_stays_as_it_is() -> None:
    tag = sample_catalog().tag(f"{TANK}.gov")
    assert tag is not None
    read, _, written = in_units(tag, None, "us")
    assert (read, written.unit, written.factor) == (tag, "m³", "")
