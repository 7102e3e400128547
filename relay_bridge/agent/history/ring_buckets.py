"""Buckets straight out of the ring's file: SQLite goes over the samples, so that a day of every second is no matter.

The rules are those of buckets.py, sample for sample: a value holds until the next one, averages are weighted by time.
What holds over from one bucket into the next ones is added here, since a sample knows its own bucket only.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from relay_bridge.agent.history.buckets import Columns, Plan, digit_of, usable
from relay_bridge.contract.history import BUCKET_EMPTY
from relay_bridge.contract.readings import Reading

# One row a bucket that has samples. ``q >> 30``: 0 good, 1 uncertain, 2 and 3 bad (OPC 10000-4, 7.39).
_BUCKETS = """
WITH inside AS (
  SELECT t, v, q, (t - :start) / :width AS b, LEAD(t) OVER (ORDER BY t) AS following
  FROM samples WHERE tag = :tag AND t >= :start AND t < :end
), held AS (
  SELECT t, v, q, b,
    q >> 30 < 2 AND typeof(v) IN ('integer', 'real') AS fit,
    following IS NULL OR following >= :start + (b + 1) * :width AS last,
    MAX(0, MIN(COALESCE(following, :until), :start + (b + 1) * :width, :until) - t) AS ms
  FROM inside
)
SELECT b, MIN(t), MIN(CASE WHEN fit THEN v END), MAX(CASE WHEN fit THEN v END),
  TOTAL(CASE WHEN fit THEN v * ms END), SUM(CASE WHEN fit THEN ms ELSE 0 END), MAX(MIN(q >> 30, 2)),
  MAX(CASE WHEN last THEN v END), MAX(CASE WHEN last THEN q END)
FROM held GROUP BY b
"""


class _Row(NamedTuple):
    """A bucket's own samples. ``area``: value over ms; ``span``: ms for which a usable value stood."""

    number: int
    first: int
    low: float | None
    high: float | None
    area: float
    span: int
    worst: int
    last: object
    last_quality: int


def ring_buckets(connection: sqlite3.Connection, tag: int, plan: Plan, before: Reading | None, until: int) -> Columns:
    """The buckets of ``plan`` for the tag of this number. ``before``, ``until``: as in ``fill_buckets``."""
    until = min(until, plan.end)
    values = {"tag": tag, "start": plan.start, "width": plan.width, "end": plan.end, "until": until}
    rows = {row[0]: _Row(*row) for row in connection.execute(_BUCKETS, values)}
    columns = Columns([], [], [], "")
    digits: list[str] = []
    held = before
    for number in range(plan.n):
        begin = plan.start + number * plan.width
        row = rows.get(number)
        stop = min(begin + plan.width if row is None else row.first, until)
        carried = None if held is None or stop <= begin else held
        low, high, average, digit = _bucket(row, carried, stop - begin)
        columns.lo.append(low)
        columns.hi.append(high)
        columns.av.append(average)
        digits.append(digit)
        if row is not None:
            held = Reading(row.last, row.first, row.last_quality)  # type: ignore[arg-type]
    return columns._replace(q="".join(digits))


def _bucket(
    row: _Row | None, carried: Reading | None, milliseconds: int
) -> tuple[float | None, float | None, float | None, str]:
    """Lowest, highest, average and quality of one bucket, in which ``carried`` stood for so long before its samples."""
    value = None if carried is None else usable(carried)
    lows, highs = [value], [value]
    area, span = (0.0, 0) if value is None else (value * milliseconds, milliseconds)
    digit = BUCKET_EMPTY if carried is None else digit_of(carried.quality)
    if row is not None:
        lows.append(row.low)
        highs.append(row.high)
        area, span = area + row.area, span + row.span
        digit = str(row.worst) if carried is None else max(digit, str(row.worst))
    low = min((float(one) for one in lows if one is not None), default=None)
    high = max((float(one) for one in highs if one is not None), default=None)
    return low, high, area / span if span else high, digit
