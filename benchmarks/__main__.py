"""The command behind ``make bench``: measure, then write the page::

python -m benchmarks                      everything, into docs/benchmarks.md (under 25 minutes)
python -m benchmarks relay                one part alone, printed only; also: site, screens, access, agent
python -m benchmarks --quick              a smaller run, printed only
python -m benchmarks --only read_path     one measurement, printed only; may be given several times
python -m benchmarks --only truth --truth-minutes 30    are the screens true, for as long as that
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import (
    agent_history,
    agent_return,
    agent_stream,
    agent_tags,
    alarms,
    fan_out,
    large_list,
    lighthouse,
    memory,
    read_path,
    relay_bad_days,
    relay_http,
    relay_memory,
    relay_streams,
    revocation,
    screen_bytes,
    truth,
    weight,
)
from benchmarks.agent_place import AgentPlace, agent_place
from benchmarks.agent_report import AgentResults
from benchmarks.figures import plain
from benchmarks.machine import Machine
from benchmarks.measured_site import BenchSite, running_site
from benchmarks.programs import ROOT, BenchError
from benchmarks.relay_place import RelayPlace, running_relay
from benchmarks.relay_report import RelayResults
from benchmarks.report import Results, write_report
from benchmarks.sizes import SIZES, Size
from tests.support.node import OPCUA_SERVER, NodeMissing, find

PAGE = ROOT / "docs" / "benchmarks.md"
SITE: dict[str, Callable[[BenchSite, Size], Awaitable[Any]]] = {
    "read_path": read_path.measure,
    "fan_out": fan_out.measure,
    "screen_bytes": screen_bytes.measure,
    "memory": memory.measure,
    "revocation": revocation.measure,
}
SCREENS: dict[str, Callable[[Size], Awaitable[Any]]] = {
    "weight": weight.measure,
    "lighthouse": lighthouse.measure,
    "large_list": large_list.measure,
    "truth": truth.measure,
}
RELAY: dict[str, Callable[[RelayPlace, Size], Awaitable[Any]]] = {
    "relay_http": relay_http.measure,
    "relay_streams": relay_streams.measure,
    "relay_memory": relay_memory.measure,
    "relay_bad_days": relay_bad_days.measure,
}
AGENT: dict[str, Callable[[AgentPlace, Size], Awaitable[Any]]] = {
    "agent_stream": agent_stream.measure,
    "agent_tags": agent_tags.measure,
    "agent_server_return": agent_return.measure,
    "agent_history": agent_history.measure,
    "agent_alarms": alarms.measure,
}
WITHOUT_NODE = {"agent_history", "agent_alarms"}  # the others need a process server that is not ours
PARTS = {
    "site": [name for name in SITE if name != "revocation"],
    "screens": list(SCREENS),
    "access": ["revocation"],
    "relay": list(RELAY),
    "agent": list(AGENT),
}


def main() -> int:
    options = _options()
    size = SIZES["quick" if options.quick else options.size]
    if options.truth_minutes is not None:
        size = replace(size, truth_seconds=options.truth_minutes * 60)
    names = options.only or [name for part in options.parts or PARTS for name in PARTS[part]]
    machine, begun = Machine(), time.monotonic()
    try:
        results = asyncio.run(_measure(names, size))
    except (BenchError, TimeoutError) as error:
        print(f"make bench: {error or 'a program did not get ready or answer in time'}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("make bench: stopped; nothing was written.", file=sys.stderr)
        return 130
    facts = machine.facts(time.monotonic() - begun)
    if options.raw:
        options.raw.write_text(json.dumps({"machine": plain(facts), **plain(results)}, indent=1) + "\n")
    page = write_report(results, size, facts)
    out = options.out or (
        PAGE
        if options.size == "full" and not options.quick and len(names) == len(SITE | SCREENS | RELAY | AGENT)
        else None
    )
    if out is None:
        print(page, end="")
    else:
        out.write_text(page, encoding="utf-8")
        print(f"Written: {os.path.relpath(out)}")
    return 0


async def _measure(names: list[str], size: Size) -> Results:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = Results()
    if any(name in names for name in SITE):
        await _measure_site(names, size, results)
    for name, measure in SCREENS.items():
        if name in names:
            _say(name)
            setattr(results, name, await measure(size))
    if any(name in names for name in RELAY):
        await _measure_relay(names, size, results)
    if any(name in names for name in AGENT):
        await _measure_agent(names, size, results)
    return results


async def _measure_site(names: list[str], size: Size, into: Results) -> None:
    people = max(*size.sockets, read_path.PEOPLE)
    _say("a site is provisioned and started")
    async with running_site(people) as site:
        for name, measure in SITE.items():
            if name in names:
                _say(name)
                setattr(into, name, await measure(site, size))


async def _measure_relay(names: list[str], size: Size, into: Results) -> None:
    _say("a relay is started")
    async with running_relay() as place:
        into.relay = RelayResults(node_missing=place.node_missing, node_versions=place.node_versions)
        if place.node_missing:
            _say(f"Microsoft's clients are left out: {place.node_missing}")
        for name, measure in RELAY.items():
            if name in names:
                _say(name)
                setattr(into.relay, name.removeprefix("relay_"), await measure(place, size))


async def _measure_agent(names: list[str], size: Size, into: Results) -> None:
    into.agent = AgentResults()
    wanted = [name for name in AGENT if name in names]
    try:
        find(OPCUA_SERVER)
    except NodeMissing as error:
        into.agent.node_missing = str(error)
        _say(f"The process server is left out: {error}")
        wanted = [name for name in wanted if name in WITHOUT_NODE]
    async with agent_place() as place:
        for name in wanted:
            _say(name)
            setattr(into.agent, name.removeprefix("agent_"), await AGENT[name](place, size))


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What Sightline costs on this machine.")
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[[], *PARTS],
        metavar="PART",
        help="site, screens, access, relay, agent; default: all",
    )
    parser.add_argument("--size", choices=SIZES, default="full", help="how much is measured; default: full")
    parser.add_argument("--quick", action="store_true", help="the same as --size quick")
    parser.add_argument(
        "--only", action="append", choices=[*SITE, *SCREENS, *RELAY, *AGENT], help="this measurement alone"
    )
    parser.add_argument("--truth-minutes", type=float, metavar="N", help="how long the screens are watched for truth")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--raw", type=Path, metavar="FILE", help="write the figures there too, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
