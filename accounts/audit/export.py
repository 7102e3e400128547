"""Events as JSON lines, with everything that a check by somebody else needs, and as CSV for a spreadsheet."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator
from typing import cast

import msgspec

from accounts.audit.models import Event
from accounts.spreadsheets import harmless
from relay_bridge.contract.audit import MAX_FACT, WEB_CHAIN, AuditEvent, Result

COLUMNS = (
    "seq", "time", "tag", "result", "username", "actor", "site", "site_id", "subject", "reason", "source", "request_id",
    "facts", "hash",
)  # fmt: skip


def as_event(row: Event) -> AuditEvent:
    """A row in the shape that the web app and the agents share."""
    return AuditEvent(
        chain=WEB_CHAIN,
        seq=row.seq,
        at=row.at,
        tag=row.tag,
        result=cast(Result, row.result),  # record() stores no other
        actor=row.actor,
        username=row.username,
        site_id=row.site_id,
        site=row.site,
        subject=row.subject,
        reason=row.reason,
        source=row.source,
        request_id=row.request_id,
        facts=read_facts(row.facts),
        previous=row.previous,
        hash=row.hash,
    )


def read_facts(text: str) -> dict[str, str]:
    """The facts of a row; of one that was tampered with, what stands there."""
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        return {"damaged": text[:MAX_FACT]}


def json_lines(rows: Iterable[Event]) -> Iterator[bytes]:
    """One event a line, as ``AuditEvent``: whoever has the lines can compute every hash."""
    for row in rows:
        yield msgspec.json.encode(as_event(row)) + b"\n"


def csv_lines(rows: Iterable[Event]) -> Iterator[bytes]:
    """RFC 4180 with a heading. Cells that a spreadsheet would run as a formula get an apostrophe in front."""
    yield _csv_line(COLUMNS)
    for row in rows:
        yield _csv_line([harmless(_column(row, name)) for name in COLUMNS])


def iso(at: int) -> str:
    """Epoch milliseconds as ISO 8601 in UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(at / 1000, tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"


def _column(row: Event, name: str) -> str:
    return iso(row.at) if name == "time" else str(getattr(row, name))


def _csv_line(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode("utf-8")
