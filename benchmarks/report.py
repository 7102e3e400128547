"""The page with the figures: each table, how it was measured, and what it says in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.agent_report import AgentResults, agent_section
from benchmarks.fan_out import FanOut
from benchmarks.figures import Spread, bullets, markdown_table, number, percent, ratio, spread, times
from benchmarks.large_list import LargeList
from benchmarks.large_list_report import large_list_section
from benchmarks.lighthouse import Lighthouse
from benchmarks.machine import MachineFacts
from benchmarks.memory import MemoryFigure
from benchmarks.read_path import PEOPLE, ReadFigure
from benchmarks.relay_report import RelayResults, relay_section
from benchmarks.revocation import Revocation
from benchmarks.revocation_report import revocation_section
from benchmarks.screen_bytes import ScreenBytes
from benchmarks.sizes import FEW, TANKS, Size
from benchmarks.truth import Truth
from benchmarks.truth_report import truth_section
from benchmarks.weight import Weight
from benchmarks.weight_report import lighthouse_section, weight_section
from relay_bridge.agent.handles import MAX_HANDLES

WAYS = {
    "direct": "agent's handler, loopback socket",
    "session": "session through the relay",
    "gateway": "gateway through the relay",
    "people": "gateway, another person each",
}


@dataclass
class Results:
    """What was measured; ``None`` where it was left out."""

    read_path: list[ReadFigure] | None = None
    fan_out: FanOut | None = None
    screen_bytes: ScreenBytes | None = None
    memory: list[MemoryFigure] | None = None
    large_list: LargeList | None = None
    weight: Weight | None = None
    lighthouse: Lighthouse | None = None
    truth: Truth | None = None
    revocation: Revocation | None = None
    relay: RelayResults | None = None
    agent: AgentResults | None = None


def write_report(results: Results, size: Size, machine: MachineFacts) -> str:
    """The whole page as Markdown."""
    parts = [_head(machine)]
    if results.read_path is not None:
        parts.append(_read_path(results.read_path, size))
    if results.fan_out is not None:
        parts.append(_fan_out(results.fan_out, size))
    if results.screen_bytes is not None:
        parts.append(_screen_bytes(results.screen_bytes, size))
    if results.memory is not None:
        parts.append(_memory(results.memory))
    if results.weight is not None:
        parts.append(weight_section(results.weight))
    if results.lighthouse is not None:
        parts.append(lighthouse_section(results.lighthouse))
    if results.large_list is not None:
        parts.append(large_list_section(results.large_list, size))
    if results.truth is not None:
        parts.append(truth_section(results.truth))
    if results.revocation is not None:
        parts.append(revocation_section(results.revocation, size))
    if results.relay is not None:
        parts.append(relay_section(results.relay, size))
    if results.agent is not None:
        parts.append(agent_section(results.agent, size))
    return "\n\n".join(parts) + "\n"


def _head(machine: MachineFacts) -> str:
    packages = ", ".join(f"{name} {number_}" for name, number_ in machine.packages.items())
    quiet = f"load average {machine.load_before:.1f} before and {machine.load_after:.1f} after"
    return f"""\
# Benchmarks

Written by `make bench`; do not edit. Everything runs on one machine and on loopback: relay, agent and web app as
programs of their own, the measuring side as another. Figures are medians of several runs with the range in brackets.
On another machine times differ; **ratios and CPU for each unit of work carry over best.**

| | |
| --- | --- |
| measured | {machine.date}, in {machine.seconds / 60:.1f} minutes |
| machine | {machine.processor}, {machine.cores} cores, {machine.memory_gib:.0f} GiB, {machine.system} |
| software | Python {machine.python}, {packages} |
| how quiet it was | {quiet}; {machine.others:.0%} of all cores went to other programs meanwhile |"""


# --- read path ------------------------------------------------------------------------------------------------------


def _read_path(rows: Sequence[ReadFigure], size: Size) -> str:
    from hmi.sites.site_session import MAX_IN_FLIGHT  # noqa: PLC0415 - Django must have its settings first

    table = markdown_table(
        ["in flight", "way", "round trips/s", "p50 ms", "p99 ms", "web app µs", "relay µs", "agent µs", "failed"],
        [
            [
                str(row.in_flight), WAYS[row.way], spread(row.rate), spread(row.p50), spread(row.p99),
                number(row.web_cpu), number(row.relay_cpu), number(row.agent_cpu), str(row.failed),
            ]
            for row in sorted(rows, key=lambda row: row.in_flight)
        ],
    )  # fmt: skip
    by = {(row.way, row.in_flight): row for row in rows}
    readings = []
    for in_flight in size.in_flight:
        direct, sealed, gateway = (by[way, in_flight] for way in ("direct", "session", "gateway"))
        readings.append(
            f"**{in_flight} in flight:** a read through the relay takes {number(gateway.p50.median)} ms, at the "
            f"agent's own door {number(direct.p50.median)} ms: {times(gateway.p50.median, direct.p50.median)} as long. "
            f"In reads a second, relay and sealed session cost a factor of {_ratio(direct.rate, sealed.rate)}, the "
            f"gateway's checks another {_ratio(sealed.rate, gateway.rate)} "
            f"({number(gateway.web_cpu - sealed.web_cpu)} µs of CPU a read)."
        )
    most = max(size.in_flight)
    one, many = by["gateway", most], by["people", most]
    people = (
        f"**Many people:** with another person behind each of {most} reads, {number(many.rate.median)} a second get "
        f"through instead of {number(one.rate.median)}, each at {number(many.web_cpu / 1000)} ms of the web app's CPU."
    )
    if MAX_HANDLES < PEOPLE:
        people += f" An agent keeps {MAX_HANDLES} people's tokens on a session; with more, reads present a token first."
    readings.append(people)
    return f"""\
## Read path

`read` of ten tags of a source in memory, {size.read_seconds:g} s for each figure, {size.read_rounds} rounds in which
the ways take turns. CPU (µs) is what each process spent for one round trip; the measuring process is the web app here.

{table}

- *agent's handler, loopback socket*: the agent's own session code behind a plain TCP socket with the same frames, no
  relay, no TLS, in the same agent process; asked with the same client code.
- *session through the relay*: one sealed session (TLS 1.3 inside the relayed WebSocket), one token.
- *gateway through the relay*: `Gateway.read`, as a page calls it, for one person. A session has at most
  {MAX_IN_FLIGHT} calls at the agent at a time, here and in both rows above; what is more waits its turn in the web app.
- *another person each*: the same, each call in flight under its own person's site token.

{bullets(readings)}"""


def _ratio(larger: Spread, smaller: Spread) -> str:
    return number(ratio(larger.median, smaller.median))


# --- fan-out --------------------------------------------------------------------------------------------------------


def _fan_out(figures: FanOut, size: Size) -> str:
    rows = sorted(figures.rows, key=lambda row: (row.sockets, -row.changing, row.server))
    table = markdown_table(
        [
            "sockets", "tags changing", "server", "CPU s per 1000 deliveries", "p50 ms", "p99 ms", "of one core",
            "delivered",
        ],
        [
            [
                str(row.sockets), f"{row.changing} of {TANKS}", row.server, spread(row.cpu), spread(row.p50),
                spread(row.p99), f"{row.core.median:.1%}", f"{row.delivered:,} of {row.due:,}",
            ]
            for row in rows
        ],
    )  # fmt: skip
    idle = markdown_table(
        ["sockets", "server", "of one core while nothing changes", "CPU ms to open one more page"],
        [
            [str(row.sockets), row.server, f"{row.core.median:.1%}", spread(row.connect_ms)]
            for row in sorted(figures.idle, key=lambda row: (row.sockets, row.server))
        ],
    )
    return f"""\
## Fan-out

A whole web app with a real session to the site; every socket is another signed-in person who looks at the site's
overview ({TANKS} tanks) and answers each frame as the page does. Levels change once a second; {size.fan_out_rounds}
rounds of {size.fan_out_seconds:g} s, in which the servers take turns.

- *CPU*: all that the web app's process spent, in steps of 10 ms, divided by the data frames that arrived: answers of
  phones, looks at people's access and the link to the site included.
- *p50, p99*: from the time in the frame (when it was encoded, by the agent's clock as the web app knows it, so up to
  one hop too early) to its arrival at the measuring process, which itself spends
  {number(max(row.own_cpu for row in rows))} s of CPU per 1000 deliveries.
- *delivered*: data frames that arrived, of those published times phones.

{table}

{idle}

{bullets(_fan_out_readings(figures, size))}"""


def _fan_out_readings(figures: FanOut, size: Size) -> list[str]:
    most, all_ = max(size.sockets), max(size.changing)
    by = {(row.server, row.sockets, row.changing): row for row in figures.rows}
    readings = []
    for server in size.servers:
        row = by[server, most, all_]
        rest = next(idle.core.median for idle in figures.idle if (idle.server, idle.sockets) == (server, most))
        readings.append(
            f"**{server}, {most} phones:** {number(row.cpu.median)} s of CPU for 1000 deliveries, 99 of 100 of them "
            f"within {number(row.p99.median)} ms; {percent(rest, row.core.median)} of what it spends goes on while "
            "nothing changes: heartbeats, and a look at everybody's access once a second."
        )
    if len(size.servers) > 1:
        left, right = (by[server, most, all_].cpu.median for server in size.servers)
        readings.append(f"**{' : '.join(size.servers)}** = {number(ratio(left, right))} : 1 in CPU per delivery.")
    if FEW in size.changing:
        many, few = (by[size.servers[0], most, changing].cpu.median for changing in (all_, FEW))
        readings.append(
            f"**{all_} or {FEW} tags:** {number(many)} against {number(few)} s on {size.servers[0]}. A change is "
            "encoded once for all phones, so how much changed hardly counts; how many phones look does."
        )
    due = sum(row.due for row in figures.rows)
    missed = due - sum(row.delivered for row in figures.rows)
    readings.append(
        "**Delivered:** every phone got every publication."
        if not missed
        else f"**Delivered:** all but {missed:,} of {due:,} publications came one by one; those reached their phone "
        "together with the next one (newest wins)."
    )
    return readings


# --- bytes ----------------------------------------------------------------------------------------------------------

CASES = {
    "all": f"{TANKS} of {TANKS} levels change",
    "few": f"{FEW} of {TANKS} levels change",
    "none": "nothing changes",
    "moving": f"{TANKS} of {TANKS} levels change, all tanks in movement",
}


MOST_ALL, MOST_QUIET = 15, 2  # kB a minute on a phone


def _screen_bytes(figures: ScreenBytes, size: Size) -> str:
    table = markdown_table(
        [
            "each second", "frames/min", "bytes/min down", "bytes/min up", "before compression",
            "each frame compressed alone", "of it derived state",
        ],
        [
            [
                CASES[row.case], number(row.frames), number(row.down), number(row.up), number(row.plain),
                number(row.alone), f"{row.derived:.0%}",
            ]
            for row in figures.rows
        ],
    )  # fmt: skip
    by = {row.case: row for row in figures.rows}
    readings = [
        f"**All change:** {number(by['all'].down / 1000)} kB a minute, {number(by['all'].down * 60 / 1e6)} MB an hour; "
        f"compression leaves {percent(by['all'].down, by['all'].plain)}. At most {MOST_ALL} kB are wanted."
    ]
    if "few" in by:
        readings.append(
            f"**{FEW} change:** {percent(by['few'].down, by['all'].down)} of that: what changed is paid for."
        )
    quiet = number(by["none"].down / 1000)
    readings.append(f"**Nothing changes:** {quiet} kB a minute to know that it is so; at most {MOST_QUIET} are wanted.")
    if "moving" in by:
        readings.append(
            f"**All tanks in movement:** {number(by['moving'].down / 1000)} kB a minute; rates and forecasts are "
            f"{by['moving'].derived:.0%} of it, although each tank's are sent only every third second."
        )
    return f"""\
## Bytes of a {TANKS}-tag screen

The overview of {TANKS} tanks on one phone, {size.screen_seconds:g} s for each row, scaled to a minute. WebSocket
headers are counted; TCP, IP and TLS are not. *Down* and *up* are what went over the wire, with permessage-deflate;
*each frame compressed alone* is what it would be without what came before. The first frame of a page has
{figures.snapshot:,} bytes before compression. With the same 50 tags FUXA needs 169 kB a minute, Node-RED Dashboard 2
100 kB, NiceGUI 16.5 kB.

{table}

{bullets(readings)}"""


# --- memory ---------------------------------------------------------------------------------------------------------


def _memory(rows: Sequence[MemoryFigure]) -> str:
    table = markdown_table(
        ["web server", "sockets", "web app MiB", "agent MiB", "relay MiB"],
        [
            [row.server, str(row.sockets or "at rest"), *(f"{mib:.0f}" for mib in (row.web, row.agent, row.relay))]
            for row in rows
        ],
    )
    readings = []
    for server in dict.fromkeys(row.server for row in rows):
        own = [row for row in rows if row.server == server]
        each = (own[-1].web - own[0].web) / own[-1].sockets * 1024
        readings.append(f"**{server}:** {number(each)} KiB for each open page.")
    growth = max(row.agent for row in rows) - min(row.agent for row in rows)
    readings.append(
        "**Agent and relay** carry one stream however many phones watch: the agent's memory moved by "
        f"{number(growth)} MiB in all."
    )
    return f"""\
## Memory

Resident memory. *At rest*: the web app has drawn a few pages, no page is open. With sockets: all {TANKS} levels change
once a second.

{table}

{bullets(readings)}"""
