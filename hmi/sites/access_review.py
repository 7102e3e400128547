"""Who had which access over a period: one line for each grant that touches it, as CSV for those who review access.

A spreadsheet runs what stands in a cell after =, +, - or @, and names and reasons are typed by people: such a cell
gets an apostrophe before it (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from accounts import audit
from accounts.spreadsheets import harmless
from hmi.sites.grants import Approval, Grant, State
from hmi.sites.models import Site

COLUMNS = (
    "person", "full name", "person id", "contractor", "account", "role", "rights of the role now", "site", "site name",
    "given at", "given by", "reason", "approval", "approved by", "approved at", "access from", "access until",
    "ended how", "ended by", "end reason", "grant id",
)  # fmt: skip
MOST_LINES = 100_000  # of one answer to a browser; the command writes any number


def grants_between(start: dt.datetime, end: dt.datetime, site: Site | None = None) -> QuerySet[Grant]:
    """Grants that could open something, or waited to, at some moment in [``start``, ``end``)."""
    rows = Grant.objects.filter(valid_from__lt=end, valid_until__gt=start).filter(
        Q(revoked_at__isnull=True) | Q(revoked_at__gt=start)
    )
    if site is not None:
        rows = rows.filter(site=site)
    return rows.select_related("user", "role", "site", "granted_by", "approved_by", "revoked_by").order_by(
        "site__slug", "user__username", "valid_from", "pk"
    )


def review_lines(start: dt.datetime, end: dt.datetime, now: dt.datetime, site: Site | None = None) -> Iterator[str]:
    """The CSV (RFC 4180), line by line, the heading first. ``now`` decides what is live and what is over."""
    writer = csv.writer(_Lines(), lineterminator="\r\n")
    yield writer.writerow(COLUMNS)  # csv hands on what write() answers
    for grant in grants_between(start, end, site).iterator(chunk_size=500):
        yield writer.writerow([harmless(text) for text in _row(grant, now)])


def record_export(actor: Any, start: dt.datetime, end: dt.datetime, site: Site | None) -> None:
    """Who reads this list is recorded before the first line goes; ``AuditUnavailable`` means that nothing goes."""
    audit.record(
        "grant:review:exported", actor=actor, result="done", site_id=site.pk if site else None,
        site=site.slug if site else "", facts={"from": _time(start), "until": _time(end)},
    )  # fmt: skip


class _Lines:
    """A file that hands each line on instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _row(grant: Grant, now: dt.datetime) -> list[str]:
    state = grant.state_at(now)
    had_access = grant.approval in {Approval.NOT_NEEDED, Approval.APPROVED}
    begin = max(filter(None, (grant.valid_from, grant.approved_at)))
    ended = min(filter(None, (grant.valid_until, grant.revoked_at)))
    if ended <= begin:
        had_access = False  # revoked before it began
    return [
        grant.user.get_username(), grant.user.get_full_name(), str(grant.user.subject),
        "yes" if grant.user.is_contractor else "no", "open" if grant.user.is_active else "closed",
        grant.role.name, grant.role.scopes, grant.site.slug, grant.site.name,
        _time(grant.given_at), _name(grant.granted_by) or "command line", grant.reason,
        Approval(grant.approval).label, _name(grant.approved_by), _time(grant.approved_at),
        _time(begin) if had_access else "never", _time(ended) if had_access else "never",
        _ended_how(state), _name(grant.revoked_by), grant.end_reason, str(grant.pk),
    ]  # fmt: skip


def _ended_how(state: State) -> str:
    return {State.OVER: "at its time", State.LIVE: "not ended", State.SUSPENDED: "not ended: switched off"}.get(
        state, state.label
    )


def _name(person: Any) -> str:
    return person.get_username() if person is not None else ""


def _time(moment: dt.datetime | None) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else ""
