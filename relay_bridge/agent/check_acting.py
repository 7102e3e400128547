"""What ``sightline-site check`` says of acting: what may be changed, and what the sources have against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from relay_bridge.agent.acting_config import CommandEntry, Entry, WriteEntry
from relay_bridge.agent.config import SiteConfig

if TYPE_CHECKING:  # the code that acts is loaded only where a site allows it
    from relay_bridge.agent.acting import Acting

NOT_LOADED = "read only (allow_writes = false): the code that writes is not loaded"


def print_acting(config: SiteConfig, out: TextIO) -> None:
    """The effective list, one line each; also of entries that wait for ``allow_writes = true``."""
    entries: list[Entry] = [*config.writes, *config.commands]
    if not config.site.allow_writes:
        if entries:
            out.write(f"{len(entries)} [[write]] and [[command]] entries are not in force: {NOT_LOADED}.\n")
        return
    out.write(f"May be changed, and nothing else: {len(entries)} entries.\n")
    for entry in entries:
        out.write(f"  {entry.id}  {_limits(entry)}, {entry.confirm}, good for {entry.ttl:g} s{_locks(entry)}\n")


async def acting_findings(acting: Acting | None, source: str) -> list[str]:
    """What a source that is up says against its entries, each named as in site.toml."""
    if acting is None:
        return []
    openings = acting.openings
    findings = []
    for entry in (*openings.writes.values(), *openings.commands.values()):
        if entry.tag.source == source:
            reason, _ = await openings.ask(entry)
            if reason:
                findings.append(f"{_named(entry)}: {reason}")
    return findings


def _named(entry: Entry) -> str:
    return f'[[{"write" if isinstance(entry, WriteEntry) else "command"}]] "{entry.id}"'


def _limits(entry: Entry) -> str:
    if isinstance(entry, CommandEntry):
        return f"command {entry.name}, from {entry.tag.id} = {entry.expect}"
    assert isinstance(entry, WriteEntry)  # noqa: S101 - there are these two kinds
    parts: list[str] = [entry.type]
    if entry.min is not None and entry.max is not None:
        parts.append(f"{entry.min:g}..{entry.max:g}")
    if entry.choices is not None:
        parts.append(f"one of {', '.join(map(str, entry.choices))}")
    if entry.step is not None:
        parts.append(f"in steps of {entry.step}")
    if entry.max_step is not None:
        parts.append(f"at most {entry.max_step:g} at once")
    return " ".join(parts)


def _locks(entry: Entry) -> str:
    locks = [f"{condition.tag} = {condition.equals}" for condition in entry.interlock]
    return f", only while {' and '.join(locks)}" if locks else ""
