"""The trail on the screen and as a file. Whoever may see nothing of it gets the same 404 as for any unknown page."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.audit.export import csv_lines, iso, json_lines, read_facts
from accounts.audit.models import Event
from accounts.audit.tags import TAGS
from hmi.audit.filters import RESULTS, FilterForm
from hmi.audit.reach import Reach, reach_of
from hmi.sites.access import NOT_FOUND

PAGE = 50  # events on one page
MAX_EXPORT = 20_000  # events in one file; manage.py audit export has no such bound
FORMATS = {"jsonl": ("application/jsonl", json_lines), "csv": ("text/csv", csv_lines)}


@require_safe
def trail(request: HttpRequest) -> HttpResponse:
    """The newest events that fit the filter; ``before`` and ``after`` in the address move through the pages."""
    reach = _reach(request)
    form = FilterForm(request.GET, reach.sites)
    rows, newer, older = _page(form.narrow(reach.events), request.GET)
    query = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    context = {
        "form": form,
        "events": [_shown(row) for row in rows],
        "newer": _with(query, "after", rows[0].seq) if newer and rows else "",
        "older": _with(query, "before", rows[-1].seq) if older and rows else "",
        "query": query.urlencode(),
        "everything": reach.everything,
        "site_names": ", ".join(name for _, name in reach.sites),
        "max_export": MAX_EXPORT,
    }
    return render(request, "audit/trail.html", context)


@require_POST
def export(request: HttpRequest, kind: str) -> HttpResponse:
    """The events that fit the filter of the address as a file, the newest 20 000 at most; the export is an event too.

    When that event cannot be stored nothing leaves: the middleware answers 503.
    """
    reach = _reach(request)
    form = FilterForm(request.GET, reach.sites)
    newest = list(form.narrow(reach.events).order_by("-seq")[:MAX_EXPORT])
    rows = newest[::-1]
    media, lines = FORMATS[kind]
    facts = {"format": kind, "rows": str(len(rows)), "filter": form.words()}
    audit.record("audit:trail:exported", actor=request.user, result="done", request=request, facts=facts)
    response = HttpResponse(b"".join(lines(rows)), content_type=f"{media}; charset=utf-8")
    name = f"audit-{rows[0].seq}-{rows[-1].seq}.{kind}" if rows else f"audit-empty.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _reach(request: HttpRequest) -> Reach:
    reach = reach_of(request.user, request.session)
    if reach is None:
        raise Http404(NOT_FOUND)
    return reach


def _page(events: QuerySet[Event], query: QueryDict) -> tuple[list[Event], bool, bool]:
    """The rows of one page, newest first, and whether there are newer and older ones."""
    before, after = _number(query.get("before")), _number(query.get("after"))
    if after is not None:
        rows = list(events.filter(seq__gt=after).order_by("seq")[: PAGE + 1])
        return rows[:PAGE][::-1], len(rows) > PAGE, True
    rows = list((events if before is None else events.filter(seq__lt=before)).order_by("-seq")[: PAGE + 1])
    return rows[:PAGE], before is not None, len(rows) > PAGE


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _with(query: QueryDict, name: str, value: int) -> str:
    copy = query.copy()
    copy[name] = str(value)
    return copy.urlencode()


def _shown(row: Event) -> dict[str, Any]:
    known = TAGS.get(row.tag)
    return {
        "row": row,
        "result": dict(RESULTS).get(row.result, row.result),
        "time": iso(row.at),
        "meaning": known.meaning if known is not None else "",
        "facts": sorted(read_facts(row.facts).items()),
    }
