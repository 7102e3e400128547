"""The sections of the figures that tell what pages weigh, and what Lighthouse says of them."""

from __future__ import annotations

from benchmarks.figures import bullets, markdown_table, number
from benchmarks.lighthouse import CATEGORIES, Lighthouse
from benchmarks.weight import Weight


def weight_section(figures: Weight) -> str:
    table = markdown_table(
        [
            "page", "requests", "kB", "page kB", "styles kB", "scripts kB", "first paint ms", "live ms",
        ],
        [
            [
                row.page, str(row.requests),
                *(f"{each / 1000:.1f}" for each in (row.sent, row.document, row.styles, row.scripts)),
                number(row.first_paint), number(row.live),
            ]
            for row in figures.rows
        ],
    )  # fmt: skip
    requests, sent = figures.shell
    tank = next(row for row in figures.rows if row.page == "tank")
    readings = [
        f"**Tank page:** {tank.sent / 1000:.1f} kB in {tank.requests} requests; at most 60 kB in 12 are wanted, and "
        "`tests/end_to_end/test_weight.py` fails above that. Its values are in the page itself: they stand there at "
        f"the first paint, after {number(tank.first_paint)} ms; at most 2,000 are wanted.",
        "**Others for 50 tags:** FUXA 9.66 MB, Node-RED Dashboard 2 5.70 MB, NiceGUI 0.41 MB.",
        f"**Beside it, once:** the service worker fetches {sent / 1000:.0f} kB in {requests} requests after the first "
        "page, for use without network.",
    ]
    return f"""\
## Weight of the pages

The demo in Chromium on a phone's screen, nothing in its cache, the service worker left out. Bytes are as sent, heads of
answers included, TLS and TCP not. Times are medians on Slow 4G (1.44 Mbit/s, 563 ms) with the processor 4x slower, from
the tap; *live*: until the socket has brought its first snapshot.

{table}

{bullets(readings)}"""


def lighthouse_section(figures: Lighthouse) -> str:
    if figures.missing:
        return f"## Lighthouse\n\nLeft out: {figures.missing}."
    table = markdown_table(
        ["page", *CATEGORIES, "first paint ms", "largest paint ms", "blocking ms", "shift"],
        [
            [
                row.page, *(str(row.scores[each]) for each in CATEGORIES), number(row.first_paint),
                number(row.largest_paint), number(row.blocking), f"{row.shift:.3f}",
            ]
            for row in figures.rows
        ],
    )  # fmt: skip
    lower = [
        f"**{row.page}:** " + "; ".join(row.lower) + "."
        for row in figures.rows
        if row.lower and min(row.scores.values()) < 100
    ]
    return f"""\
## Lighthouse

Lighthouse {figures.version}, mobile, signed in as field operator at the demo. *Blocking* is real work on this machine,
4x slower: what other programs do here counts in it, so performance is a lower bound.

{table}

{bullets(lower) if lower else "Nothing kept a page below 100."}"""
