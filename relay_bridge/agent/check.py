"""``sightline-site check``: is everything at hand before the first start? Prints the tags, then tries each source.

Of the machine and the way to the relay: check_machine.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.catalog import describe_tags
from relay_bridge.agent.check_acting import NOT_LOADED, acting_findings, print_acting
from relay_bridge.agent.check_machine import machine_findings
from relay_bridge.agent.check_pace import pace_findings
from relay_bridge.agent.config import SiteConfig, load_config
from relay_bridge.agent.drivers.base import DEGRADED, OK, Driver, Noting
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.findings import Named
from relay_bridge.agent.vocabulary import unit_trouble
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading, quality_class, quality_words

if TYPE_CHECKING:
    from relay_bridge.agent.acting import Acting

CONNECT_DEADLINE = 10.0  # seconds for a source to come up
READ_DEADLINE = 10.0  # seconds to read all tags of a source once
DESCRIBE_DEADLINE = 2.0  # seconds for a source to say units and ranges; not every one does
EXIT_FINDINGS = 1


class _Listening:
    """A sink that waits for the source to come up."""

    def __init__(self) -> None:
        self.state = SourceState(2, 0, "")
        self.up = asyncio.Event()

    def put(self, tag: str, reading: Reading) -> None:
        """Values are read below, all at once."""

    def source_state(self, source: str, state: SourceState) -> None:
        self.state = state
        if state.code in {OK, DEGRADED}:
            self.up.set()


async def check(path: Path, out: TextIO, *, machine: bool = False, relay: bool = True) -> list[str]:
    """Findings in sentences (``Named`` where they have a name); none when all is well. ``machine``: of this machine
    too; without ``relay`` it is not asked. Raises ``ConfigError`` for what stops the agent from starting.
    """
    config = load_config(path)
    agent = SiteAgent(config)
    findings = list(config.warnings)
    for source, driver in agent.drivers.items():
        tags = [tag.id for tag in config.tags if tag.source == source]
        findings += await _try_source(source, driver, tags, agent.site.acting)
        for note in driver.notes() if isinstance(driver, Noting) else ():
            out.write(f'Source "{source}": {note}.\n')
    findings += pace_findings(agent.site, agent.drivers)
    rows = describe_tags(config.tags, agent.drivers)
    findings += _units(rows)
    _print_tags(config, rows, out)
    print_acting(config, out)
    if machine:
        found = await machine_findings(config, agent.trust, out, relay=relay)
        findings += [Named(finding.code, finding.text) for finding in found]
    return findings


def _units(rows: Sequence[CatalogTag]) -> list[str]:
    """Where a source's unit contradicts what the tag is taken for; site.toml's own units were looked at before."""
    troubles = ((row.id, unit_trouble(row.canon, row.unit)) for row in rows)
    return [f'[[tag]] "{tag}": the source says that its unit {trouble}.' for tag, trouble in troubles if trouble]


def _print_tags(config: SiteConfig, rows: Sequence[CatalogTag], out: TextIO) -> None:
    mode = "writing is allowed" if config.site.allow_writes else NOT_LOADED
    out.write(f"Site {config.site.id} ({config.site.name}): {len(rows)} tags, {mode}.\n")
    for tag, row in zip(config.tags, rows, strict=True):
        span = f" {row.lo:g}..{row.hi:g}" if row.lo is not None and row.hi is not None else ""
        unit = f" {row.unit}" if row.unit else ""
        places = f", {row.dec} decimals" if row.kind == "number" else ""
        out.write(f"  {tag.id}  {row.name}: {row.kind}{span}{unit}{places}  <- {tag.source} {tag.node}\n")


async def _try_source(source: str, driver: Driver, tags: Sequence[str], acting: Acting | None) -> list[str]:
    sink = _Listening()
    running = asyncio.create_task(driver.run(sink))
    try:
        coming_up = asyncio.create_task(sink.up.wait())
        await asyncio.wait({running, coming_up}, timeout=CONNECT_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        coming_up.cancel()
        if not sink.up.is_set():
            reason = f": {sink.state.reason}" if sink.state.reason else ""
            text = f'[[source]] "{source}": not reachable within {CONNECT_DEADLINE:.0f} s{reason}.'
            return [Named("source-down", text)]
        findings = await _read_all(source, driver, tags)
        findings += [Named("entry-closed", text) for text in await acting_findings(acting, source)]
        await _described(driver)
        return findings
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=CONNECT_DEADLINE)


async def _described(driver: Driver) -> None:
    """Wait until the source has told of its tags, as far as it will."""
    if isinstance(driver, MemoryDriver) or not getattr(driver, "describes", True):
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DESCRIBE_DEADLINE):
            while not driver.describe():  # noqa: ASYNC110 - drivers tell nobody when they have heard
                await asyncio.sleep(0.1)


async def _read_all(source: str, driver: Driver, tags: Sequence[str]) -> list[str]:
    try:
        async with asyncio.timeout(READ_DEADLINE):
            readings = await driver.read(tags, READ_DEADLINE)
    except RequestRefused as refusal:
        return [Named("source-refused", f'[[source]] "{source}": {refusal.message}')]
    except TimeoutError:
        text = f'[[source]] "{source}": its tags could not be read within {READ_DEADLINE:.0f} s.'
        return [Named("source-refused", text)]
    findings: list[str] = []
    for tag in tags:
        reading = readings.get(tag)
        if reading is None:
            findings.append(Named("tag-unanswered", f'[[tag]] "{tag}": the source {source} gave no answer.'))
        elif quality_class(reading.quality) == "bad":
            words = quality_words(reading.quality)
            text = f'[[tag]] "{tag}": bad quality at the source: {words} (0x{reading.quality:08X}).'
            findings.append(Named("tag-bad", text))
    return findings
