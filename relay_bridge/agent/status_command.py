"""``sightline-site status``: how the running agent stands, from its state file. Needs no sound site.toml but its place.

Exit codes: 0 ok, 1 degraded, 2 down (also: it runs and says nothing), 3 not running, 4 it cannot be told.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import msgspec

from relay_bridge.agent.folder_lock import LOCK, is_locked
from relay_bridge.agent.status_file import STALE, StatusUnreadable, read_report
from relay_bridge.agent.status_report import StatusReport

CODES = {"ok": 0, "degraded": 1, "down": 2}
HANGS, NOT_RUNNING, UNKNOWN = 2, 3, 4


def status_command(path: Path, out: TextIO, *, as_json: bool, now: Callable[[], float] = time.time) -> int:
    """Print the report in ``path`` and answer the exit code. Who runs is told by the lock, not by the file."""
    try:
        report = read_report(path)
    except StatusUnreadable as error:
        return _say(out, as_json, "unknown", str(error), UNKNOWN)
    running = is_locked(path.parent)
    if not running and report is None and path.parent.exists() and not (path.parent / LOCK).exists():
        # An agent that cannot write there has neither a lock nor a report, and its phones are served all the same.
        words = f"There is no report and no lock in {path.parent}: no agent was ever started, or it cannot write there."
        return _say(out, as_json, "unknown", words, UNKNOWN)
    if not running and (report is None or now() - report.at / 1000 > STALE):
        words = "No agent runs here" + (f"; the last one was seen at {_time(report.at)}" if report is not None else "")
        return _say(out, as_json, "not-running", f"{words}.", NOT_RUNNING)
    if report is None or abs(now() - report.at / 1000) > STALE:
        seen = f"since {_time(report.at)}" if report is not None else "yet"
        words = f"The agent runs and has said nothing {seen}: it hangs, or {path.parent} takes no files (see its log)."
        return _say(out, as_json, "silent", words, HANGS)
    out.write(f"{msgspec.json.encode(report).decode()}\n" if as_json else _text(report))
    return CODES[report.state]


def _say(out: TextIO, as_json: bool, state: str, words: str, code: int) -> int:
    out.write(f"{msgspec.json.encode({'v': 1, 'state': state, 'why': words}).decode()}\n" if as_json else f"{words}\n")
    return code


def _text(report: StatusReport) -> str:
    lines = [
        f"{report.site} ({report.name}): {report.state}",
        f"agent     {report.agent}, process {report.pid}, since {_time(report.started)}",
        f"relay     {report.relay.status} since {_time(report.relay.since)} {report.relay.reason}".rstrip(),
        f"sessions  {report.sessions}; {report.watched} of {report.tags} tags watched",
    ]
    for source in report.sources:
        since = f"{source.state} since {_time(source.since)}"
        lines.append(f"source    {source.id}, {source.tags} tags: {since} {source.reason}".rstrip())
    mode = report.mode
    by = f" by {mode.by}" if mode.by else ""
    since = f" since {_time(mode.since)}" if mode.since > 1 else ""
    lines += [
        f"switch    {mode.mode}{by}{since}{f': {mode.why}' if mode.why else ''}",
        f"writing   {_writing(report)}",
        f"journal   {'kept' if report.journal else 'LOST'}, {report.seq} events; "
        f"history {report.history or 'kept'}; alarms {report.alarms or 'kept'}",
        f"trust     {report.token_keys} issuer keys (sequence {report.token_keys_sequence}); certificates end "
        f"{_day(report.agent_certificate_ends)} (agent), {_day(report.web_app_certificate_ends)} (web app)",
        f"machine   disk {_or(report.disk_free_mb)} MiB free, memory {_or(report.rss_mb)} MiB",
    ]
    lines += [f"! {finding.text} [{finding.code}]" for finding in report.findings]
    return "".join(f"{line}\n" for line in lines)


def _writing(report: StatusReport) -> str:
    if not report.writes.allowed:
        return "not allowed by site.toml; its code is not loaded"
    return f"{report.writes.open} of {report.writes.entries} entries open"


def _or(number: int | None) -> str:
    return "?" if number is None else str(number)


def _time(ms: int) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(ms / 1000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "?"


def _day(ms: int) -> str:
    return _time(ms)[:10]
