"""``sightline-site import`` and ``sightline-site tags``: what they take, do and say. Nothing is half-written.

What is made goes to standard output or, with ``--out``, into a new file; what there is to say goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sys
import time
from pathlib import Path
from typing import BinaryIO

from relay_bridge.agent.config import SiteConfig, load_config
from relay_bridge.agent.config_file import BrowseSection
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.importing.browsing import DEADLINE, driver_for, look_around, source_named
from relay_bridge.agent.importing.csv_export import export_tags
from relay_bridge.agent.importing.csv_import import MAX_FILE, import_tags
from relay_bridge.agent.importing.files import write_whole
from relay_bridge.agent.importing.fragment import fragment, prove
from relay_bridge.agent.importing.proposal import Proposal, propose
from relay_bridge.agent.importing.recognise import recognise
from relay_bridge.agent.importing.snapshot import Snapshot, read_snapshot, write_snapshot
from relay_bridge.agent.importing.taking import TakenIds, take


def add_import_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the site.toml to use")
    command.add_argument("--source", metavar="ID", help="the [[source]] to look around at; of several it must be said")
    command.add_argument("--root", metavar="NODE", help="begin at this node; default: everything")
    command.add_argument("--out", type=Path, metavar="FILE", help="a new file for the proposal; default: print it")
    command.add_argument(
        "--browse", action="store_true", help="take the snapshots of all [[browse]] entries (of --source) instead"
    )
    command.add_argument("--deadline", type=float, default=DEADLINE, metavar="SECONDS", help=f"default: {DEADLINE:.0f}")


def add_tags_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("what", choices=("export", "import"), help="export: the tags as CSV; import: CSV as [[tag]]")
    command.add_argument("file", nargs="?", type=Path, help="import: the CSV file")
    command.add_argument("--config", type=Path, metavar="FILE", help="the site.toml; of an import: to compare with")
    command.add_argument("--source", metavar="ID", help="export: only its tags; import: of rows that name none")
    command.add_argument("--out", type=Path, metavar="FILE", help="a new file; default: print")


def import_command(options: argparse.Namespace) -> list[str]:
    """Look around and propose, or take snapshots. Findings in sentences; ``ConfigError`` when nothing can be done."""
    if not 1 <= options.deadline <= 3600:
        raise ConfigError("--deadline is from 1 to 3600 seconds.")
    config = load_config(options.config, for_import=True)
    if options.browse:
        if options.root is not None or options.out is not None:
            raise ConfigError("--browse takes root and file from the [[browse]] entries; leave out --root and --out.")
        return asyncio.run(_take_snapshots(config, options.source, options.deadline))
    if options.out is not None and options.out.exists():
        raise ConfigError(f"{options.out} is there already and stays as it is: name another file, or remove it.")
    text, findings = asyncio.run(_propose(config, _source(config, options.source), options.root, options.deadline))
    _give(text.encode(), options.out, sys.stdout.buffer)
    return findings


def tags_command(options: argparse.Namespace) -> list[str]:
    """Export or import a list of tags. Findings in sentences, and nothing is written when an import has any."""
    if options.what == "export":
        return _export(options)
    if options.file is None:
        raise ConfigError("Name the CSV file: sightline-site tags import FILE --source ID.")
    data = _read(options.file)
    configured = load_config(options.config, for_import=True) if options.config is not None else None
    if configured is not None and options.source is not None:
        source_named(configured, options.source)
    known = [tag.id for tag in configured.tags] if configured is not None else []
    imported = import_tags(data, options.source, known=known)
    for note in imported.notes:
        _say(note)
    if imported.errors:
        return [f"{options.file.name}: {error}" for error in imported.errors]
    text = fragment(
        Proposal(tags=imported.tags), [f"{len(imported.tags)} tags from {options.file.name}, read {_now()}."]
    )
    for source in {tag["source"] for tag in imported.tags}:
        if configured is not None:
            source_named(configured, source)
    _give(text.encode(), options.out, sys.stdout.buffer)
    _say(f"{len(imported.tags)} tags. Put them at the end of site.toml, then run: sightline-site check")
    return []


# --- import --------------------------------------------------------------------------------------------------


async def _propose(config: SiteConfig, source: str, root: str | None, deadline: float) -> tuple[str, list[str]]:
    where = source_named(config, source)
    found = await look_around(driver_for(config, where), root, deadline=deadline)
    recognised = recognise(found.nodes)
    proposal = propose(
        recognised, source, area=config.site.name, tags=config.tags, assets=config.assets, templates=config.templates
    )
    findings = [found.trouble] if found.trouble else []
    head = [
        f'Proposed by sightline-site import from source "{source}", {_now()}: {len(found.nodes)} nodes seen.',
        *(f"NOT ALL WAS SEEN: {said}" for said in findings),
    ]
    text = fragment(proposal, head)
    prove(text, where, config.assets)
    _say(
        f"{len(found.nodes)} nodes in {found.seconds:.1f} s: {len(proposal.tanks)} tanks and pumps, {proposal.count} "
        f"tags proposed, {proposal.known} configured already, {len(proposal.left)} not understood."
    )
    return text, findings


async def _take_snapshots(config: SiteConfig, source: str | None, deadline: float) -> list[str]:
    if source is not None:
        source_named(config, source)
    sections = [section for section in config.browse if source in {None, section.source}]
    if not sections:
        raise ConfigError("There is no [[browse]] entry to take a snapshot for.")
    findings: list[str] = []
    for section in sections:
        try:
            findings += await _take_snapshot(config, section, deadline)
        except ConfigError as error:
            findings.append(str(error))  # the others are taken all the same
    return findings


async def _take_snapshot(config: SiteConfig, section: BrowseSection, deadline: float) -> list[str]:
    found = await look_around(driver_for(config, source_named(config, section.source)), section.root, deadline=deadline)
    where = f'[[browse]] of source "{section.source}"'
    if found.trouble:
        # Half a snapshot would take tags away that are still there.
        return [f"{where}: the snapshot stays as it was: {found.trouble}"]
    path = config.path.parent / section.snapshot
    try:
        before = read_snapshot(path)
    except ConfigError as error:
        _say(f"{error} It is made anew, and ids may change.")
        before = None
    kept = before.of(section) if before else None
    others = [taking for taking in (before.takings if before else []) if taking is not kept]
    taking = take(
        section,
        recognise(found.nodes),
        kept,
        TakenIds.of(section.source, config.tags, config.assets, before),
        at=int(time.time() * 1000),
    )
    write_snapshot(path, Snapshot([*others, taking]))
    new = len({row.node for row in taking.rows} - {row.node for row in kept.rows}) if kept else len(taking.rows)
    gone = len({row.node for row in kept.rows} - {row.node for row in taking.rows}) if kept else 0
    _say(f"{where}: {len(taking.rows)} variables in {found.seconds:.1f} s, {new} new, {gone} gone. Restart the agent.")
    return []


def _source(config: SiteConfig, name: str | None) -> str:
    if name is not None:
        return name
    if len(config.sources) == 1:
        return config.sources[0].id
    raise ConfigError(f"Say which source: --source {' or '.join(source.id for source in config.sources)}.")


# --- tags ----------------------------------------------------------------------------------------------------


def _export(options: argparse.Namespace) -> list[str]:
    if options.config is None or options.file is not None:
        raise ConfigError("Say: sightline-site tags export --config site.toml [--out FILE].")
    config = load_config(options.config)
    if options.source is not None:
        source_named(config, options.source)
    tags = [tag for tag in config.tags if options.source in {None, tag.source}]
    _give(export_tags(tags, config.assets), options.out, sys.stdout.buffer)
    return list(config.warnings)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.") from None


def _give(data: bytes, path: Path | None, out: BinaryIO) -> None:
    if path is not None:
        write_whole(path, data)
        return
    sys.stdout.flush()
    out.write(data)
    out.flush()


def _say(words: str) -> None:
    print(words, file=sys.stderr)  # noqa: T201 - a command


def _now() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
