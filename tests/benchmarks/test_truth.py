"""The judge of the screens finds what is wrong, and only that: hand-made looks against a hand-made record."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.truth_faults import Happened
from benchmarks.truth_judge import Judge, Tag, Verdict
from benchmarks.truth_record import Record
from benchmarks.truth_sampler import Eyes, Look

AT = 1_795_000_000_000
NODE, TAGS = "TK-1.Level", {"TK-1.level": Tag("TK-1.Level", "TK-1.Gauge")}
GOOD, FAILED = 0, 0x808C0000


def record(*lines: list[Any]) -> Record:
    life = [["life", AT + ms, AT + ms] for ms in range(0, 60_000, 500)]
    gauge = ["value", AT, "TK-1.Gauge", AT, "ok", GOOD]
    told = sorted([["up", AT], ["whole", AT], gauge, *life, *lines], key=lambda line: line[1])
    return Record.read(json.dumps(line) for line in told)


def value(ms: int, number: float | None, status: int = GOOD) -> list[Any]:
    return ["value", AT + ms, NODE, AT + ms, number, status]


def event(ms: int, name: str, *, active: bool = True, acknowledged: bool = False, retain: bool = True) -> list[Any]:
    return ["event", AT + ms, "TK-1.Alarm", name, AT + ms, active, acknowledged, retain, 700, "high"]


def shown(ms: int, text: str, time: int, quality: str = "good", *, stale: bool = False) -> Look:
    return Look(AT + ms, "tank", 2, [("v", "TK-1.level", text, str(AT + time), quality, "3", "", stale)], [])


def row(ms: int, name: str, state: str = "Active, not acknowledged", *, stale: bool = False) -> Look:
    return Look(AT + ms, "alarms", 0, [], [("a", "id", name, "high", state, "high", stale)])


def judge(said: Record, *looks: Look, happened: tuple[Happened, ...] = ()) -> Verdict:
    return Judge(said, TAGS, happened).run(looks)


def test_what_the_plant_said_is_equal_until_another_took_its_place_for_longer_than_the_bound() -> None:
    said = record(value(0, 5.0), value(10_000, 5.001))
    assert judge(said, shown(9000, "5.000", 0), shown(14_900, "5.000", 0)).wrong == {}
    late = judge(said, shown(15_100, "5.000", 0))
    assert late.wrong == {"a reading whose place another had taken": 1} and "plant:" in late.evidence[0]
    assert judge(said, shown(20_000, "5.000", 0, stale=True)).wrong == {}


def test_another_value_time_quality_and_rounding_are_wrong() -> None:
    said = record(value(0, 7.042), value(1000, None, FAILED))
    assert judge(said, shown(500, "7.000", 0)).wrong == {"another value": 1}
    assert judge(said, shown(500, "7.042", 400)).wrong == {"a reading that the plant never gave": 1}
    assert judge(said, shown(1500, "\u2014", 1000, "bad")).wrong == {}
    assert judge(said, shown(1500, "\u2014", 1000)).wrong == {"another quality": 1}
    assert judge(said, shown(1500, "7.042", 1000, "bad")).wrong == {"another value": 1}


def test_a_silent_plant_and_a_dead_hop_must_be_marked() -> None:
    said = record(value(0, 5.0))
    assert judge(said, shown(66_000, "5.000", 0)).wrong == {"unmarked although the plant was silent": 1}
    dead = (Happened("the relay hangs", AT + 10_000, AT + 20_000, True),)
    assert judge(said, shown(14_000, "5.000", 0), shown(21_000, "5.000", 0), happened=dead).wrong == {}
    assert judge(said, shown(16_000, "5.000", 0), happened=dead).wrong == {"unmarked although the relay hangs": 1}


def test_alarm_rows_are_judged_by_occurrence_state_and_presence() -> None:
    said = record(event(0, "one"), event(10_000, "two", acknowledged=True), event(30_000, "three", retain=False))
    assert judge(said, row(9000, "one"), row(14_000, "one"), row(12_000, "two", "Active, acknowledged")).wrong == {}
    together = Look(
        AT + 9000, "alarms", 0, [], [("a", "id", "one", "high", "Active, not acknowledged", "hi\xa0gh", False)]
    )
    apart = record(["event", AT, "TK-1.Alarm", "one", AT, True, False, True, 700, "hi gh"])
    assert judge(apart, together).wrong == {}, "a number and its unit, kept on one line"
    assert "an alarm that has changed since" in judge(said, row(16_000, "one")).wrong
    assert "an alarm in another state" in judge(said, row(12_000, "two")).wrong
    assert "an alarm that the plant never told of" in judge(said, row(12_000, "other")).wrong
    missing = Look(AT + 20_000, "alarms", 0, [], [])
    assert judge(said, missing).wrong == {"an alarm that stands is not on the list": 1}
    assert judge(said, Look(AT + 20_000, "alarms", 1, [], [])).wrong == {}


def test_eyes_understand_what_a_page_tells_and_begin_anew_with_each_document() -> None:
    eyes = Eyes("tank")
    facts = ["v", "TK-1.level", "5.000", str(AT), "good", "3", "", False]
    eyes.told(json.dumps([AT, "complete", 2, [0], [], [[0, facts]]]), json.loads)
    eyes.told(json.dumps([AT + 500, "complete", 2, [0], [], []]), json.loads)
    other = [*facts[:2], "6.000", *facts[3:]]
    eyes.told(json.dumps([AT + 900, "complete", 2, [0], [], [[0, other]]]), json.loads)
    assert [look.values[0][2] for look in eyes.looks] == ["5.000", "5.000", "6.000"]
