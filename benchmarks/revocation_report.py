"""The part of the page about ends of access: the tables, how they were measured, and what they say in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import bullets, markdown_table, number
from benchmarks.revocation import FROZEN, SITES, EndFigure, Revocation
from benchmarks.sizes import Size

WAYS = {
    "edited": "grant edited",
    "expired": "grant expired",
    "disabled": "person disabled",
    "password or factors": "password or factor reset",
    "password": "password changed",
    "session": "session ended",
    "role": "role changed",
    "site": "site switched off",
}
ORDER = list(WAYS)


def revocation_section(figures: Revocation, size: Size) -> str:
    told = [row for row in figures.rows if row.told != "nobody"]
    untold = [row for row in figures.rows if row.told == "nobody"]
    return f"""\
## When access ends

Two web processes (daphne) on one SQLite file, relay and agents as programs of their own; all 50 levels change once a
second. Each person has a page at both processes, over real WebSockets, and a change is made in the first, by the same
saves as the administration's. Times are ms from its commit to the last data frame that the phone received (0 when none
came after it), and to the page's farewell, after which nothing comes. {size.revocations} times each way, at random
moments; password and factors take turns; {SITES} sites are switched off and on again with a new person each time.

{_table(told, page=True)}

- *same process*: the page is served by the process that made the change and hears of it at once.
- *other process*: by the other one, which reads the news and looks at everything once a second.
- A grant that expires is told by nobody: both find it in their look.

**Nobody told.** The same changes as SQL by another program: no bell, no news, only the look of each second.

{_table(untold, page=False)}

{bullets(_readings(figures, told, untold))}"""


def _table(rows: Sequence[EndFigure], *, page: bool) -> str:
    head = ["way", *(["page at"] if page else []), "times"]
    head += ["last data frame: p99 ms", "max ms", "page ended: p50 ms", "p99 ms", "max ms"]
    return markdown_table(
        head,
        [
            [
                WAYS[row.way], *([f"{row.told} process"] if page else []), str(row.count), number(row.last_p99),
                number(row.last_max), number(row.over_p50), number(row.over_p99), number(row.over_max),
            ]
            for row in sorted(rows, key=lambda row: (ORDER.index(row.way), row.told != "same"))
        ],
    )  # fmt: skip


def _readings(figures: Revocation, told: Sequence[EndFigure], untold: Sequence[EndFigure]) -> list[str]:
    worst = max(told, key=lambda row: row.over_max)
    readings = [
        f"**The promise is 5 s:** the latest of {sum(row.count for row in told):,} pages ended after "
        f"{number(worst.over_max)} ms ({WAYS[worst.way]}, {worst.told} process); the latest data frame came "
        f"{number(max(row.last_max for row in told))} ms after the change.",
        f"**At the agent:** when a site was switched off, its agent had let go of the streams of both processes within "
        f"{number(max(figures.site))} ms.",
        f"**Nobody told:** {number(max(row.over_max for row in untold))} ms at most.",
    ]
    if figures.lease:
        readings.append(
            f"**Nobody there to tell:** with the web process stopped (SIGSTOP) for {FROZEN:.0f} s and all access ended "
            f"meanwhile, the agents ended their streams by their own lease after at most "
            f"{number(max(figures.lease) / 1000)} s ({len(figures.lease)} times; the bound is 30 s). When the process "
            f"went on, {figures.after_frozen or 'no'} data frames reached a phone before it had looked."
        )
    return readings
