"""The agent's part of the page: changing values, configured tags, a server that comes back, history, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.agent_history import HistoryFigures
from benchmarks.agent_return import ReturnFigure
from benchmarks.agent_stream import PERIOD, PUSH, StreamFigure
from benchmarks.agent_tags import TagsFigure
from benchmarks.alarms import AlarmFigure
from benchmarks.figures import bullets, markdown_table, number, percent, spread, times
from benchmarks.sizes import Size

DAY = 86_400
GB = 1e9


@dataclass
class AgentResults:
    """What was measured; ``None`` where it was left out. ``node_missing``: why there was no process server."""

    node_missing: str = ""
    stream: list[StreamFigure] | None = None
    tags: list[TagsFigure] | None = None
    server_return: ReturnFigure | None = None
    history: HistoryFigures | None = None
    alarms: list[AlarmFigure] | None = None


def agent_section(results: AgentResults, size: Size) -> str:
    parts = [
        """\
## The agent

`sightline-site` itself, beside a process server on node-opcua, which shares no code with ours, and behind a relay; the
measuring process is the web app at the other end of the sealed session."""
    ]
    if results.node_missing:
        parts.append(f"**The process server is left out:** {results.node_missing}.")
    if results.stream is not None:
        parts.append(_stream(results.stream, size))
    if results.tags is not None:
        parts.append(_tags(results.tags))
    if results.server_return is not None:
        parts.append(_return(results.server_return))
    if results.history is not None:
        parts.append(_history(results.history))
    if results.alarms is not None:
        parts.append(_alarms(results.alarms))
    return "\n\n".join(parts)


def _stream(rows: Sequence[StreamFigure], size: Size) -> str:
    table = markdown_table(
        ["changes/s", "items", "publish ms", "ring", "agent, of one core", "µs a change", "relay", "MiB",
         "age p50 ms", "age p99 ms", "sent", "wrong at the end"],
        [
            [
                number(row.rate), number(row.items), str(row.publish), "all" if row.ring else "off",
                f"{row.cpu:.1%}", number(row.cpu / row.rate * 1e6), f"{row.relay_cpu:.1%}", number(row.memory),
                spread(row.p50), spread(row.p99), percent(row.came, row.due), str(row.wrong),
            ]
            for row in rows
        ],
    )  # fmt: skip
    plain = [row for row in rows if row.publish == 1000 and not row.ring] or rows
    few, many = plain[0], plain[-1]
    readings = [
        f"**Nothing is lost:** {sum(row.wrong for row in rows)} of {sum(row.items for row in rows):,} last values "
        "differed from the server's when it stood still.",
        f"**{few.rate:,} : {many.rate:,} changes a second** cost {few.cpu:.1%} : {many.cpu:.1%} of one core, "
        f"{times(many.cpu, few.cpu)} as much.",
    ]
    faster = next((row for row in rows if row.publish != 1000 and row.rate == few.rate), None)
    if faster is not None:
        readings.append(
            f"**Age is waiting, not work:** with `publish_ms = {faster.publish}` half of the values are younger than "
            f"{number(faster.p50.median)} ms instead of {number(few.p50.median)}, at {times(faster.cpu, few.cpu)} "
            "the CPU."
        )
    return f"""\
### Changing values

Items change every {PERIOD} ms, {size.agent_rounds} looks of {size.agent_seconds:g} s each. *Age* is from the source's
own time to the arrival of the sealed push; pushes go every {PUSH} ms. *Sent* is below 100% where a newer value overtook
one that was still waiting: by design the newest wins. Without and with the agent's ring recording every tag.

*Sent* can also be about half (42% to 50%), seen in 4 of 13 runs of the row with 2,000 changes, 1,000 ms and the ring.
The PublishResponses of such a run were written down: the process server lets every second publishing interval of the
tags pass, in a run in which the heartbeat's subscription came due about 10 ms before theirs (asyncua keeps one
PublishRequest outstanding for both). When they do come they are whole, 1,000 and 800 within 20 ms, so
MaxNotificationsPerPublish has no part in it, and the agent passes on all that it gets. It is no loss that matters,
but up to one publishing interval of age: what is missing are values that a newer one had overtaken, and the last ones
are right. Why the server does so is not known; bringing the two subscriptions together on purpose did not bring it
about. A plant that must see every second sets `publish_ms = 500`.

{table}

{bullets(readings)}"""


def _tags(rows: Sequence[TagsFigure]) -> str:
    table = markdown_table(
        ["configured tags", "MiB at rest", "start s", "source there after s", "check s", "findings"],
        [
            [
                number(row.tags), number(row.memory), number(row.start), number(row.source), number(row.check),
                str(row.findings),
            ]
            for row in rows
        ],
    )  # fmt: skip
    few, many = rows[0], rows[-1]
    each = (many.memory - few.memory) * 1024 / max(1, many.tags - few.tags)
    rest = few.memory - each * few.tags / 1024
    return f"""\
### Configured tags

Nobody watches, and every tag has been described by the server. *Start* is until the agent listens at the relay, *check*
the whole of `sightline-site check`, which reads every tag once.

{table}

- **Each tag costs {number(each)} KiB;** the rest, {number(rest)} MiB, is the agent and its OPC UA library."""


def _return(row: ReturnFigure) -> str:
    return f"""\
### A process server that comes back

Killed and started again {row.times} times on the same port, {row.items} items watched; away for {spread(row.away)} s.

| | s |
| --- | --- |
| from the kill to the word that the source is down | {spread(row.told)} |
| from the server's first open port to the first good value | {spread(row.first)} |
| until every item is good | {spread(row.all)} |

- A server that was away for long is tried again every 4 s at most, every second where the machine answers that nobody
  listens; up to that much is added."""


def _history(figures: HistoryFigures) -> str:
    rings = markdown_table(
        ["tags, one change a second each", "flush every s", "samples/s it can take", "of one core", "bytes a sample",
         "written a sample", "file a day GB", "written a day GB"],
        [
            [
                number(row.tags), number(row.every), number(row.takes), f"{row.busy:.1%}", number(row.bytes_each),
                number(row.written_each), number(row.bytes_each * row.tags * DAY / GB),
                number(row.written_each * row.tags * DAY / GB),
            ]
            for row in figures.rings
        ],
    )  # fmt: skip
    answers = markdown_table(
        ["span h", "samples a tag", "tags", "ms", "bytes", "messages"],
        [
            [str(row.hours), number(row.samples), str(row.tags), spread(row.took), number(row.bytes), str(row.pages)]
            for row in figures.answers
        ],
    )
    first, last = figures.rings[0], figures.rings[-1]
    kept = 512 * 1024 * 1024 / (last.bytes_each * last.tags) / 3600
    return f"""\
### History of the agent's own

{rings}

- **Flushing every {last.every:g} s** writes 1/{number(first.written_each / last.written_each)} of what flushing every
  {first.every:g} s does: every tag that changed costs a page.
- A file of 512 MiB, the bound unless configured otherwise, holds {number(kept)} h of so many changes; a tank farm
  changes far less.

`hist` of at most 300 buckets with minimum, maximum and average, asked through relay and sealed session:

{answers}"""


def _alarms(rows: Sequence[AlarmFigure]) -> str:
    table = markdown_table(
        ["", "events", "lost", "in s", "age p50 s", "age p99 s", "CPU ms an event", "held up ms", "pushes"],
        [
            [
                row.what, number(row.events), str(row.lost), number(row.seconds), number(row.p50), number(row.p99),
                number(row.cpu), number(row.held_up), str(row.pushes),
            ]
            for row in rows
        ],
    )  # fmt: skip
    words = "the same list as the agent" if all(row.same for row in rows) else "**another list than the agent**"
    return f"""\
### Alarms

A burst, then 100 a second that come and go among them, of our simulated plant; *held up* is the longest that the
agent's loop waited. A receiver that takes one push a second ends with {words}.

{table}"""
