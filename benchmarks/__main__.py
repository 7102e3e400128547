"""The command behind ``make bench``: measure, then write the page::

python -m benchmarks                      everything, into docs/benchmarks.md (under 8 minutes)
python -m benchmarks --quick              a smaller run, printed only
python -m benchmarks --only read_path     one measurement, printed only; may be given several times
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
from pathlib import Path
from typing import Any

from benchmarks import fan_out, memory, read_path, screen_bytes
from benchmarks.figures import plain
from benchmarks.machine import Machine
from benchmarks.measured_site import BenchSite, running_site
from benchmarks.programs import ROOT, BenchError
from benchmarks.report import Results, write_report
from benchmarks.sizes import SIZES, Size

PAGE = ROOT / "docs" / "benchmarks.md"
MEASUREMENTS: dict[str, Callable[[BenchSite, Size], Awaitable[Any]]] = {
    "read_path": read_path.measure,
    "fan_out": fan_out.measure,
    "screen_bytes": screen_bytes.measure,
    "memory": memory.measure,
}


def main() -> int:
    options = _options()
    size = SIZES["quick" if options.quick else options.size]
    names = options.only or list(MEASUREMENTS)
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
    out = options.out or (PAGE if size is SIZES["full"] and not options.only else None)
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
    people = max(*size.sockets, read_path.PEOPLE)
    _say("a site is provisioned and started")
    async with running_site(people) as site:
        for name, measure in MEASUREMENTS.items():
            if name in names:
                _say(name)
                setattr(results, name, await measure(site, size))
    return results


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What Sightline costs on this machine.")
    parser.add_argument("--size", choices=SIZES, default="full", help="how much is measured; default: full")
    parser.add_argument("--quick", action="store_true", help="the same as --size quick")
    parser.add_argument("--only", action="append", choices=MEASUREMENTS, help="this measurement alone")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--raw", type=Path, metavar="FILE", help="write the figures there too, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
