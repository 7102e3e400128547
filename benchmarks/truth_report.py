"""The section of the figures that tells whether the screens told the truth."""

from __future__ import annotations

from benchmarks.figures import bullets, markdown_table, number
from benchmarks.truth import Truth
from benchmarks.truth_judge import BOUND

BY_HAND = """\
**30 minutes, twice, 2026-11-23:** of 252,280 values 187,530 were equal and 64,750 marked, of 46,160 rows of alarms
36,831 equal and 9,329 marked, while other programs took 43% of all cores; then of 253,820 values 189,415 equal and
64,405 marked, of 46,307 rows 36,931 equal and 9,376 marked, with 14%. **None was wrong.** 75 and 76 episodes of 22
kinds. After another reading the one before stood unmarked for 1.07 s (99 of 100), 4.56 s at the longest.

What half hours before it found, each mended with a test: values rounded to one decimal after each start of the agent,
until the source had told how exact they are (2,967 of 252,565); a time of ours in place of the plant's after the agent
had stood still (16 of 252,395); readings from before an outage of the plant, unmarked for one look after it was back (6
of 252,280)."""


def truth_section(figures: Truth) -> str:
    values, rows = figures.values, figures.rows
    table = markdown_table(
        ["on a screen", "looked at", "equal to the plant's", "marked", "nothing shown", "wrong"],
        [
            [
                "values", f"{sum(values.values()) + _wrong(figures, alarms=False):,}",
                f"{values.get('equal', 0) + values.get('calculated', 0):,}", f"{values.get('marked', 0):,}",
                f"{values.get('nothing shown', 0):,}", f"{_wrong(figures, alarms=False):,}",
            ],
            [
                "alarm rows", f"{sum(rows.values()) + _wrong(figures, alarms=True):,}", f"{rows.get('equal', 0):,}",
                f"{rows.get('marked', 0):,}", "-", f"{_wrong(figures, alarms=True):,}",
            ],
        ],
    )  # fmt: skip
    median, most, longest = (number(each / 1000) for each in figures.late)
    episodes = ", ".join(f"{name} ({count})" for name, count in sorted(figures.episodes.items()))
    readings = [
        f"**Late:** after the plant gave another reading the one before stood unmarked for {median} s (median), "
        f"{most} s (99 of 100), {longest} s at the longest; allowed is {BOUND / 1000:g} s, then the mark.",
        f"**Said by the plant meanwhile:** {figures.said:,} readings, {figures.events:,} states of alarms, of which "
        f"{figures.acknowledged} were acknowledged here, by a touch on the page or at another station.",
        f"**By calculation:** {values.get('calculated', 0):,} of the equal values are of seconds in which the second "
        f"client was not connected; they were compared with the plant's model. {rows.get('unproven', 0):,} alarm rows "
        "of such moments could not be compared.",
        *(f"**Wrong:** {why}: {count:,}" for why, count in figures.wrong.items()),
    ]
    return f"""\
## Truth of the screens

{number(figures.seconds / 60)} minutes of the whole demo with faults coming and going; overview, a tank's page and the
alarm list at 390x844 in Chromium, read every {figures.period / 1000:g} s as a person reads them ({figures.looks:,}
looks). A second OPC UA client wrote down what the plant said. A value must be, by text, time and quality, a reading of
the plant's that no other had replaced for more than {BOUND / 1000:g} s, while the plant lives and no hop is dead; an
alarm row by occurrence, state, priority and message; an alarm that stands must be on the list. What is marked as old is
not counted as wrong.

{table}

{bullets(readings)}

Episodes: {episodes}.

{BY_HAND}"""


def _wrong(figures: Truth, *, alarms: bool) -> int:
    return sum(count for why, count in figures.wrong.items() if why.startswith("an alarm") == alarms)
