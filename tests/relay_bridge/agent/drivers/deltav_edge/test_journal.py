"""Replaying a journal into what stands now."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.agent.drivers.deltav_edge.journal import JournalReader
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.agent.drivers.rest.times import format_time
from tests.relay_bridge.agent.drivers.deltav_edge.test_preset import row

T = 1_694_911_885_000
STATES = ("ACT/UNACK", "ACT/ACK", "INACT/UNACK", "INACT/ACK")


def reader(clock: Callable[[], float] = lambda: T / 1000) -> JournalReader:
    return JournalReader("edge", 24, ["PLANT/PID-101/PID1/PV.CV"], clock)


def at(moment: int) -> str:
    return format_time(moment, "iso")


def listed(journal: JournalReader) -> dict[str, str]:
    return {name: f"{alarm.active}/{alarm.acknowledged}" for name, alarm in journal._states.items() if alarm.retain}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATES)), max_size=60), st.data())
def test_the_newest_row_of_each_alarm_decides_however_it_is_cut_up(rows: list[tuple[int, str]], data: Any) -> None:
    journal = [row(state, at(T + n * 100), module=f"M{module}") for n, (module, state) in enumerate(rows)]
    whole, pieces = reader(), reader()
    whole.replay(journal[::-1])
    told = []
    start = 0
    while start < len(journal):
        end = data.draw(st.integers(start + 1, len(journal)))
        begin = max(0, start - data.draw(st.integers(0, 5)))  # read again, as the overlap does
        told += pieces.replay(journal[begin:end][::-1])
        start = end
    assert listed(whole) == listed(pieces)
    assert len(told) == len(journal)  # every change once
    newest = {f"M{module}": state for module, state in rows}
    assert {name.split("/")[2] for name in listed(whole)} == {m for m, state in newest.items() if state != "INACT/ACK"}


def test_a_late_row_does_not_undo_a_newer_one() -> None:
    journal = reader()
    journal.replay([row("INACT/ACK", at(T + 500))])
    assert journal.replay([row("ACT/UNACK", at(T + 100))]) == []
    assert listed(journal) == {}


@pytest.mark.parametrize(
    ("facts", "severity"),
    [
        ({"level": "CRITICAL"}, 900), ({"level": "Warning"}, 700), ({"level": "ADV-5"}, 500), ({"level": "LOG"}, 200),
        ({"level": "", "priority": 15}, 900), ({"level": "", "priority": 11}, 700), ({"level": "", "priority": 7}, 500),
        ({"level": None, "priority": 4}, 200), ({"level": "SOMETHING"}, 900), ({"level": "", "priority": "x"}, 900),
    ],
)  # fmt: skip
def test_levels_and_priorities(facts: dict[str, Any], severity: int) -> None:
    (alarm,) = reader().replay([row("ACT/UNACK", at(T), **facts)])
    assert alarm.severity == severity


def test_a_state_that_is_not_understood_is_shown() -> None:
    for state in ("SUPPRESSED", "", "ACT", None, "OOS/ACK", 5):
        (alarm,) = reader().replay([row(state, at(T))])  # type: ignore[arg-type]
        assert alarm.retain and alarm.active and not alarm.acknowledged
        assert alarm.suppressed == (state in ("SUPPRESSED", "OOS/ACK"))


def test_version_2_of_the_interface_has_other_times() -> None:
    entry = row("ACT/UNACK", "") | {"timeOfOccurrence": at(T - 5000), "timeOfLastChange": at(T), "timeSent": at(T + 1)}
    del entry["dateTime"]
    (alarm,) = reader().replay([entry])
    assert alarm.time == T
    with pytest.raises(Trouble):
        reader().replay([row("ACT/UNACK", "whenever")])


def test_a_burst_of_4000_loses_nothing_and_memory_follows_what_stands() -> None:
    now = T
    journal = reader(lambda: now / 1000)
    chance = random.Random(1)
    rows = [row(chance.choice(STATES), at(T + n), module=f"M{n % 200}") for n in range(4000)]
    assert len(journal.replay(rows[::-1])) == 4000
    for n in range(100):  # then an hour of quiet rows
        now = T + 5000 + n * 60_000
        journal.replay([row("INACT/ACK", at(now), module=f"Q{n}")])
    assert len(journal._seen) < 10 and len(journal._states) < 200 + 10


async def test_one_row_from_the_future_does_not_hide_what_happens_until_then() -> None:
    """A controller with a wrong clock, among others that are right."""
    asked: list[str] = []

    class Talk:
        async def document(self, method: str, path: str, *, urgent: bool) -> Any:
            asked.append(path)
            return {"alarmsAndEvents": [], "paging": {"links": []}}

    journal = reader(lambda: T / 1000)
    journal.replay([row("ACT/UNACK", at(T)), row("ACT/UNACK", at(T + 50 * 60_000), module="WRONG-CLOCK")])
    await journal.read(Talk())  # type: ignore[arg-type]
    assert quote(at(T - 60_000), safe="") in asked[0]
    again = journal.replay([row("ACT/UNACK", at(T + 50 * 60_000), module="WRONG-CLOCK")])
    assert again == []  # what is read twice is told once
