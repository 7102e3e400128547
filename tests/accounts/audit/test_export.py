"""What leaves the trail can be checked elsewhere, and runs nothing in a spreadsheet."""

from __future__ import annotations

import csv
import io
import itertools

import msgspec
import pytest

from accounts import audit
from accounts.audit.export import COLUMNS, csv_lines, iso, json_lines
from accounts.audit.models import Event
from relay_bridge.contract.audit import AuditEvent, hash_of
from tests.accounts.audit.conftest import fill

pytestmark = pytest.mark.django_db


def test_json_lines_can_be_checked_by_anybody() -> None:
    fill(30)
    lines = list(json_lines(Event.objects.order_by("seq")))
    events = [msgspec.json.decode(line, type=AuditEvent) for line in lines]
    assert [event.seq for event in events] == list(range(1, 31))
    assert all(hash_of(event) == event.hash for event in events)
    assert all(after.previous == before.hash for before, after in itertools.pairwise(events))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formula_in_a_cell_is_text(start: str) -> None:
    formula = f'{start}HYPERLINK("http://x")'
    audit.record("person:session:signed-in", actor=None, result="done", reason=formula, subject=start)
    rows = list(csv.reader(io.StringIO(b"".join(csv_lines(Event.objects.all())).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert not [cell for cell in rows[1] if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_time_is_iso_8601_in_utc() -> None:
    assert iso(1_790_000_000_123) == "2026-09-21T14:13:20.123Z"
