"""Pages of the administration beside the list of grants: who can do what and why, the access review, view as."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from hmi.sites import view_as
from hmi.sites.access_review import MOST_LINES, grants_between, record_export, review_lines
from hmi.sites.explain import explain_access
from hmi.sites.grant_forms import ReviewForm, WhoForm
from hmi.sites.models import Grant

LOOK, REVIEW = "sites.view_grant", "sites.review_access"
REVIEW_DAYS = 90  # that the form offers


@require_safe
def why(request: HttpRequest) -> HttpResponse:
    """What can this person see and do at this site, and why: one line for each scope."""
    _demand(request, LOOK)
    form = WhoForm(request.GET or None)
    context: dict[str, Any] = {"form": form, "title": "Who can do what, and why"}
    if form.is_bound and form.is_valid():
        person, site = form.cleaned_data["person"], form.cleaned_data["site"]
        context |= {
            "person": person,
            "site": site,
            "reasons": explain_access(person, site),
            "may_view_as": view_as.may_view_as(request.user) and person.pk != request.user.pk,
            "minutes": int(view_as.LONGEST.total_seconds() // 60),
            "title": f"What {person} can see and do at {site}",
        }
    return _page(request, "admin/sites/grant_why.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest) -> HttpResponse:
    """Who had which access over a period, as CSV. Posted, because handing the list out is recorded."""
    _demand(request, REVIEW)
    today = timezone.now().date()
    initial = {"start": today - dt.timedelta(days=REVIEW_DAYS), "end": today}
    form = ReviewForm(request.POST) if request.method == "POST" else ReviewForm(initial=initial)
    if form.is_bound and form.is_valid():
        start, end, site = form.cleaned_data["start"], form.cleaned_data["end"], form.cleaned_data["site"]
        if grants_between(start, end, site).count() > MOST_LINES:
            form.add_error(None, f"That is more than {MOST_LINES} lines: choose a shorter period or one site.")
        else:
            record_export(request.user, start, end, site)
            answer = HttpResponse("".join(review_lines(start, end, timezone.now(), site)), "text/csv; charset=utf-8")
            name = f"access-review-{start:%Y-%m-%d}-{end - dt.timedelta(days=1):%Y-%m-%d}.csv"
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
            return answer
    return _page(request, "admin/sites/grant_review.html", {"form": form, "title": "Access review"})


@require_POST
def begin_view_as(request: HttpRequest) -> HttpResponse:
    """Begin to look at a site as another person, and go there."""
    _demand(request, view_as.PERMISSION)
    form = WhoForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a person and a site.")
        return HttpResponseRedirect(reverse("admin:sites_grant_why"))
    person, site = form.cleaned_data["person"], form.cleaned_data["site"]
    try:
        view_as.begin(request.user, person, site, request.session.session_key or "")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return HttpResponseRedirect(reverse("admin:sites_grant_why"))
    return HttpResponseRedirect(reverse("view-as:site"))


def _demand(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    # The list's own address for the trail of links above; "opts" names the model.
    whole = {**admin.site.each_context(request), "opts": Grant._meta, **context}  # noqa: SLF001 - Django's own name
    return TemplateResponse(request, template, whole)
