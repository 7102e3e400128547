"""What a gauge says of itself, on every figure that comes from it; and what it cannot make better."""

from __future__ import annotations

import pytest

from relay_bridge.agent.gauges import MARKED, gauge_word, marked
from relay_bridge.agent.vocabulary import CANON
from relay_bridge.contract.messages import CatalogAnswer, CatalogQuery, Read, ReadAnswer, Sub, SubAnswer
from relay_bridge.contract.readings import Reading, quality_words
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import SiteFolder

GOOD, FORCED, SUBSTITUTE, NOT_ACCURATE, LAST, BAD = 0, 0x00960000, 0x40910000, 0x40930000, 0x40900000, 0x80000000


@pytest.mark.parametrize(
    ("value", "own", "enums", "word"),
    [
        ("ok", None, None, "ok"), ("Manual", None, None, "manual"), ("MAN", None, None, "manual"),
        ("Comm-Fail", None, None, "stale"), ("SIMULATED ", None, None, "simulated"),
        ("Gauge failure", None, None, "fault"),
        (2, {"2": "manual"}, None, "manual"), (2.0, {"2": "manual"}, None, "manual"),
        (True, {"true": "stale"}, None, "stale"),
        ("HANDBETRIEB", {"Handbetrieb": "manual"}, None, "manual"), ("ok", {"OK": "fault"}, None, "fault"),
        ("1", None, {"1": "Manual"}, "manual"), ("1", {"1": "ok"}, {"1": "Manual"}, "ok"),
        ("whatever", None, None, None), ("", None, None, None), (None, None, None, None), (7, None, {"1": "ok"}, None),
    ],
)  # fmt: skip
def test_words(value: object, own: dict | None, enums: dict | None, word: str | None) -> None:
    assert gauge_word(value, own, enums) == word  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "before", "after"),
    [
        ("manual", GOOD, FORCED), ("simulated", GOOD, SUBSTITUTE), ("fault", GOOD, NOT_ACCURATE), ("stale", GOOD, LAST),
        ("ok", GOOD, GOOD), (None, GOOD, GOOD), ("ok", BAD, BAD),
        ("manual", BAD, BAD), ("manual", LAST, LAST), ("fault", LAST, LAST), ("simulated", LAST, SUBSTITUTE),
        ("simulated", BAD, BAD), ("manual", 0x0500, FORCED | 0x0500),
    ],
)  # fmt: skip
def test_a_quality_never_becomes_better(word: str | None, before: int, after: int) -> None:
    reading = marked(Reading(12.5, 7, before), word)  # type: ignore[arg-type]
    assert reading == Reading(12.5, 7, after)


def test_words_of_the_marks_are_those_that_phones_know() -> None:
    assert [quality_words(code) for code in (FORCED, SUBSTITUTE)] == ["forced", "substitute"]
    assert set(CANON) >= MARKED


SOURCE = """
[[source]]
id = "main"
kind = "memory"
[source.values]
"TK-101.level" = 12.5
"TK-101.tov" = 900.0
"TK-101.temp_avg" = 21.0
"TK-101.gauge_status" = "2"
"TK-102.level" = 3.5
"""
TANKS = """
[[tank]]
id = "TK-101"
source = "main"
area = "North farm"
map = { level = "L", tov = "V", temp_avg = "T", gauge_status = "S" }
gauge = { "1" = "ok", "2" = "manual" }
[[tank]]
id = "TK-102"
source = "main"
area = "North farm"
map = { level = "L2" }
"""
NAMES = ["TK-101.level", "TK-101.tov", "TK-101.temp_avg", "TK-101.gauge_status", "TK-102.level"]


async def test_phones_see_the_mark_come_and_go(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANKS)
    async with serve() as running:
        web_app, handle = await running.signed_in()
        answer = await web_app.call("read", ReadAnswer, Read(tags=NAMES, fresh=True), handle)
        codes = {item[0]: (item[3] if len(item) > 3 else 0) for item in answer.d}
        assert codes == dict.fromkeys(NAMES, GOOD) | {"TK-101.level": FORCED, "TK-101.tov": FORCED}
        assert answer.d[0][1] == 12.5  # the value is the source's
        catalog = await web_app.call("catalog", CatalogAnswer, CatalogQuery(), handle)
        status = next(tag for tag in catalog.tags if tag.canon == "gauge_status")
        assert status.enums == {"1": "ok", "2": "manual"}
        sub = await web_app.call("sub", SubAnswer, Sub(tags=NAMES, rate=250), handle)
        level = sub.h["TK-101.level"]

        async def level_item() -> list:
            while True:
                push = await web_app.next_values()
                for item in push.d:
                    if item[0] == level:
                        return item

        assert (await level_item())[3] == FORCED
        # The gauge is back: the same value, now as measured, though the source did not send it again.
        running.driver.set("TK-101.gauge_status", "1")
        item = await level_item()
        assert item[1] == 12.5 and len(item) < 4
        running.driver.set("TK-101.gauge_status", None, BAD)  # not heard: what it said holds
        running.driver.set("TK-101.level", 12.6)
        assert len(await level_item()) < 4
        running.driver.set("TK-101.gauge_status", "Simulated")
        assert (await level_item())[3] == SUBSTITUTE
