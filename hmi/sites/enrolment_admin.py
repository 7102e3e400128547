"""Enrolment in the administration: an action that shows a code once, and the page on which the comparison is typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from accounts.audit import AuditUnavailable
from accounts.factors import has_second_factor
from accounts.step_up import has_stepped_up, to_confirm
from hmi.sites.enrolment import CODE_LIFE, NotDone, confirm, make_enrolment, refuse
from hmi.sites.enrolment_rows import Enrolment
from hmi.sites.models import Site
from relay_bridge.management import ManagementError

CHANGE = "sites.change_conduit"  # whoever may rotate a site's keys may give it an agent


class ComparisonForm(forms.Form):
    comparison = forms.CharField(max_length=60, strip=True, required=False)


class EnrolmentActions:
    """The action of ``SiteAdmin``, which mixes this in and asks for ``change_conduit``."""

    @admin.action(description="Enrolment code for an agent", permissions=["change_conduit"])
    def make_enrolment_code(self: Any, request: HttpRequest, sites: QuerySet[Site]) -> HttpResponse | None:
        site = sites.first()
        if site is None or sites.count() != 1:
            self.message_user(request, "Choose one site: each agent has a code of its own.", messages.WARNING)
            return None
        if _must_confirm(request):
            return to_confirm(request)
        context = {
            **self.admin_site.each_context(request), "title": f"Enrolment code for {site.name}", "site": site,
            "opts": self.model._meta, "checkbox": ACTION_CHECKBOX_NAME,  # noqa: SLF001 - Django's own name for it
            "minutes": int(CODE_LIFE.total_seconds() // 60),
        }  # fmt: skip
        if request.POST.get("confirmed") != "yes":
            return TemplateResponse(request, "admin/sites/make_enrolment_code.html", context)
        try:
            made, code = make_enrolment(site, request.user.get_username(), timezone.now())
        except (NotDone, AuditUnavailable) as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        self.log_change(request, site, "Made an enrolment code.")
        command = f"sightline-site enrol {request.scheme}://{request.get_host()} {code}"
        context |= {"code": code, "command": command, "enrolment": made}
        return TemplateResponse(request, "admin/sites/enrolment_code.html", context)


@admin.register(Enrolment)
class EnrolmentAdmin(admin.ModelAdmin):
    """The record, and the one place where an agent is let in."""

    list_display = ("made_at", "site", "how", "made_by", "source", "decided_by")
    list_select_related = ("site",)
    list_filter = ("state", "site")
    date_hierarchy = "made_at"

    @admin.display(description="how it stands")
    def how(self, enrolment: Enrolment) -> str:
        return enrolment.how_it_stands(timezone.now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # see EnrolmentActions

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE) or request.user.has_perm("sites.view_conduit")

    has_view_permission = has_change_permission = lambda self, request, obj=None: self.has_module_permission(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one enrolment: the comparison is typed here, as the plant reads it out."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        enrolment = self.get_object(request, object_id)
        if enrolment is None:
            raise Http404("There is no such enrolment.")
        may = request.user.has_perm(CHANGE)
        if request.method == "POST":
            if not may:
                raise PermissionDenied
            if _must_confirm(request):
                return to_confirm(request)
            return self._decide(request, enrolment)
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request), "title": f"Enrolment of {enrolment.site.name}", "opts": self.opts,
            "enrolment": enrolment, "how": enrolment.how_it_stands(now), "form": ComparisonForm(),
            "may_confirm": may and enrolment.is_live(now) and enrolment.state == Enrolment.State.CLAIMED,
            "may_refuse": may and enrolment.is_live(now),
        }  # fmt: skip
        return TemplateResponse(request, "admin/sites/enrolment.html", context)

    def _decide(self, request: HttpRequest, enrolment: Enrolment) -> HttpResponse:
        by, now = request.user.get_username(), timezone.now()
        form = ComparisonForm(request.POST)
        typed = form.cleaned_data["comparison"] if form.is_valid() else ""
        try:
            if request.POST.get("decision") == "refuse":
                refuse(enrolment, by, now)
                said, level = "Refused: the code is worth nothing, and no agent was pinned.", messages.SUCCESS
            elif request.POST.get("decision") == "confirm" and typed:
                said, level = confirm(enrolment, typed, by, now), messages.SUCCESS
            else:
                said, level = "Type what is read to you from the screen at the plant.", messages.WARNING
        except (NotDone, ManagementError, AuditUnavailable) as error:
            said, level = str(error), messages.ERROR
        if level == messages.SUCCESS:
            self.log_change(request, enrolment, said)
        self.message_user(request, said, level)
        return HttpResponseRedirect(reverse("admin:sites_enrolment_change", args=[enrolment.pk]))


def _must_confirm(request: HttpRequest) -> bool:
    return has_second_factor(request.user) and not has_stepped_up(request)
