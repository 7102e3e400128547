"""``sightline-site check``: is everything at hand before the first start? Prints the tags, then tries each source.

The relay is not tried: a second listener would take a share of the running agent's streams.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.catalog import describe_tags
from relay_bridge.agent.config import SiteConfig, load_config
from relay_bridge.agent.drivers.base import DEGRADED, OK, Driver
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.trust import Trust
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading, quality_class, quality_words

CONNECT_DEADLINE = 10.0  # seconds for a source to come up
READ_DEADLINE = 10.0  # seconds to read all tags of a source once
DESCRIBE_DEADLINE = 2.0  # seconds for a source to say units and ranges; not every one does
RUNS_OUT_SOON = datetime.timedelta(days=14)
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


async def check(path: Path, out: TextIO) -> list[str]:
    """Findings in sentences; none when all is well. Raises ``ConfigError`` for what stops the agent from starting."""
    config = load_config(path)
    agent = SiteAgent(config)
    findings = _dates(agent.trust)
    for source, driver in agent.drivers.items():
        findings += await _try_source(source, driver, [tag.id for tag in config.tags if tag.source == source])
    _print_tags(config, describe_tags(config.tags, agent.drivers), out)
    return findings


def _print_tags(config: SiteConfig, rows: Sequence[CatalogTag], out: TextIO) -> None:
    out.write(f"Site {config.site.id} ({config.site.name}): {len(rows)} tags, read only.\n")
    for tag, row in zip(config.tags, rows, strict=True):
        span = f" {row.lo:g}..{row.hi:g}" if row.lo is not None and row.hi is not None else ""
        unit = f" {row.unit}" if row.unit else ""
        places = f", {row.dec} decimals" if row.kind == "number" else ""
        out.write(f"  {tag.id}  {row.name}: {row.kind}{span}{unit}{places}  <- {tag.source} {tag.node}\n")


def _dates(trust: Trust) -> list[str]:
    now = datetime.datetime.now(datetime.UTC)
    certificates = {"agent_cert": trust.agent, "web_app_pin": trust.web_app}
    return [
        f"[trust] {key}: the certificate runs out on {cert.not_after:%Y-%m-%d}: renew it and pin the new one."
        for key, cert in certificates.items()
        if cert.not_after - now < RUNS_OUT_SOON
    ]


async def _try_source(source: str, driver: Driver, tags: Sequence[str]) -> list[str]:
    sink = _Listening()
    running = asyncio.create_task(driver.run(sink))
    try:
        coming_up = asyncio.create_task(sink.up.wait())
        await asyncio.wait({running, coming_up}, timeout=CONNECT_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        coming_up.cancel()
        if not sink.up.is_set():
            reason = f": {sink.state.reason}" if sink.state.reason else ""
            return [f'[[source]] "{source}": not reachable within {CONNECT_DEADLINE:.0f} s{reason}.']
        findings = await _read_all(source, driver, tags)
        await _described(driver)
        return findings
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=CONNECT_DEADLINE)


async def _described(driver: Driver) -> None:
    """Wait until the source has told of its tags, as far as it will."""
    if isinstance(driver, MemoryDriver):
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
        return [f'[[source]] "{source}": {refusal.message}']
    except TimeoutError:
        return [f'[[source]] "{source}": its tags could not be read within {READ_DEADLINE:.0f} s.']
    findings: list[str] = []
    for tag in tags:
        reading = readings.get(tag)
        if reading is None:
            findings.append(f'[[tag]] "{tag}": the source {source} gave no answer.')
        elif quality_class(reading.quality) == "bad":
            words = quality_words(reading.quality)
            findings.append(f'[[tag]] "{tag}": bad quality at the source: {words} (0x{reading.quality:08X}).')
    return findings
