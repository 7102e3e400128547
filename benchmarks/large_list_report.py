"""The section of the figures that tells what the overview of a large site costs."""

from __future__ import annotations

from benchmarks.figures import bullets, markdown_table, number
from benchmarks.large_list import MANY, LargeList
from benchmarks.sizes import Size


def large_list_section(figures: LargeList, size: Size) -> str:
    table = markdown_table(
        [
            "processor", "first paint ms", "live ms", "frames/s", "longest gap ms", "script ms", "layout ms",
            "style ms", "all main-thread work ms",
        ],
        [
            [
                "as it is" if row.slower == 1 else f"{row.slower}x slower",
                *(
                    number(each)
                    for each in (
                        row.first_paint, row.live, row.frames, row.longest_gap, row.script, row.layout, row.style,
                        row.all_work,
                    )
                ),
            ]
            for row in figures.rows
        ],
    )  # fmt: skip
    slow = figures.rows[-1]
    readings = [
        f"**Weight:** the page itself {figures.page_bytes / 1000:,.0f} kB, {figures.elements:,} elements; all the rest "
        f"{figures.other_bytes / 1000:,.0f} kB in {figures.requests - 1} requests, of which a phone keeps most. The "
        f"page's answer was there after {number(figures.server)} ms.",
        f"**Socket:** {figures.socket_bytes / 1000:,.0f} kB a minute before compression while every one of {MANY} "
        "tanks moves.",
        f"**{slow.slower}x slower:** {number(slow.frames)} frames a second while every row changes; one data frame "
        f"costs {number(slow.script)} ms of script.",
    ]
    return f"""\
## Overview of {MANY} tanks

A site of {MANY} tanks with 8 tags each, on a phone's screen of 390 x 844 in Chromium, {size.screen_seconds:g} s for
each row. Every level and every rate changes once a second. *Live*: from the tap until the first snapshot stands on the
screen. The four last columns are for one data frame of the socket, by the clock of the page's own
thread. What scrolls out of sight is not laid out.

{table}

{bullets(readings)}"""
