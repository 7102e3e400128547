"""What a hand-over holds, in sections, and the hash of what people sign. Plain data: words are made when it is shown.

    events = {"v": 1, "now": epoch ms, "gaps": [code], SECTION: {"total": n, "rows": [{...}]}, ...}

Times are epoch ms. Rows hold names as they were then; a name of the plant is only ever shown as text.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hmi.shifts.models import HandOver

FORMAT = "sightline-hand-over-1"
# In the order in which they are read. Every one takes words of the person who goes; "general" has nothing else.
SECTIONS = ("general", "standing", "shelved", "alarms", "acts", "changes", "link", "notes")
MAX_ROWS = 100  # of a section; the rest is counted
# Why something is missing. A hand-over that lacks something says so itself.
GAP_JOURNAL, GAP_CUT, GAP_LIST, GAP_SINCE = "journal", "journal-cut", "list", "journal-since"


def make_section(rows: list[dict[str, Any]], total: int | None = None, **more: Any) -> dict[str, Any]:
    """The first ``MAX_ROWS``, and how many there truly are."""
    return {"total": len(rows) if total is None else total, "rows": rows[:MAX_ROWS], **more}


def shelved_ids(events: dict[str, Any]) -> list[str]:
    """The alarms that were out of the way when the events were drawn."""
    return [row["id"] for row in events.get("shelved", {}).get("rows", [])]


def draft_digest(row: HandOver) -> str:
    """Of what the person who goes is about to sign: a form carries it, so that nobody signs what they did not see."""
    return _hash(_draft(row))


def given_digest(row: HandOver) -> str:
    """Of what the person who comes is about to sign: the same with the first signature."""
    return _hash(_draft(row) | _first(row))


def taken_digest(row: HandOver) -> str:
    """Of the whole hand-over, both signatures included."""
    return _hash(_draft(row) | _first(row) | _second(row))


def digest_holds(row: HandOver) -> bool:
    """Whether a signed hand-over is what was signed."""
    return row.digest == taken_digest(row)


def _draft(row: HandOver) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "id": str(row.pk),
        "site": str(row.site_id),
        "start": row.start.isoformat(),
        "end": row.end.isoformat(),
        "drawn_at": row.drawn_at.isoformat(),
        "events": row.events,
        "words": row.words,
    }


def _first(row: HandOver) -> dict[str, Any]:
    at = row.outgoing_at
    return {"outgoing": [str(row.outgoing.subject), row.outgoing_name, at.isoformat() if at is not None else ""]}


def _second(row: HandOver) -> dict[str, Any]:
    at, person = row.incoming_at, row.incoming
    subject = str(person.subject) if person is not None else ""
    signed = [subject, row.incoming_name, at.isoformat() if at is not None else ""]
    return {"incoming": signed, "reviewed": row.reviewed}


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
