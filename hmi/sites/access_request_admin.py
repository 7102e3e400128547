"""The admin of requests for access: whoever may give grants sees them, grants as asked, or declines with a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import audit
from hmi.sites.access_request_letters import send_letters
from hmi.sites.access_request_rules import decline, grant_as_asked
from hmi.sites.access_requests import AccessRequest, RequestState
from hmi.sites.grant_actions import Page
from hmi.sites.grant_forms import ReasonForm
from hmi.sites.grant_rules import GIVE, longest_days
from hmi.sites.grants import Approval, Grant
from hmi.sites.models import Site

MOST_AT_ONCE = 100  # requests of one list action: each may be a grant, events and a letter
_FIELDS = (
    "person", "site_slug", "site", "role", "last_day", "reason", "asked_at", "expires_at", "state", "decided_by",
    "decided_at", "answer", "grant",
)  # fmt: skip
Do = Callable[[AccessRequest, dict[str, Any]], str]


class RequestStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state.value, str(state.label)) for state in RequestState]

    def queryset(self, request: HttpRequest, rows: QuerySet[AccessRequest]) -> QuerySet[AccessRequest]:
        now, wanted = timezone.now(), self.value()
        if wanted == RequestState.OPEN:
            return rows.filter(decision="", expires_at__gt=now)
        if wanted == RequestState.EXPIRED:
            return rows.filter(decision="", expires_at__lte=now)
        return rows.filter(decision=wanted) if wanted in RequestState.values else rows


@admin.register(AccessRequest)
class AccessRequestAdmin(admin.ModelAdmin):
    change_list_template = "admin/sites/request_list.html"
    list_display = ("person", "role", "at", "until", "reason", "asked", "state")
    list_filter = (RequestStateFilter, "site", "role", "person__is_contractor")
    list_select_related = ("person", "role", "site", "grant", "decided_by")
    list_per_page = 50
    search_fields = ("person__username", "person__first_name", "person__last_name", "site_slug", "reason")
    search_help_text = "Person, site or reason"
    date_hierarchy = "asked_at"
    actions = ("grant_as_asked", "decline")
    fields = readonly_fields = _FIELDS

    # Requests are made on the asker's own page, answered by the actions, and kept.
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(GIVE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(GIVE)

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(GIVE)

    @admin.display(description="Site", ordering="site_slug")
    def at(self, row: AccessRequest) -> str:
        return str(row.site) if row.site is not None else f"{row.site_slug} (no such site)"

    @admin.display(description="Asked (UTC)", ordering="asked_at")
    def asked(self, row: AccessRequest) -> str:
        return f"{row.asked_at:%Y-%m-%d %H:%M}"

    @admin.display(description="Last day", ordering="last_day")
    def until(self, row: AccessRequest) -> str:
        return f"{row.last_day:%Y-%m-%d}"

    @admin.display(description="State")
    def state(self, row: AccessRequest) -> str:
        state = row.state
        if state is RequestState.OPEN:
            return f"waits, until {row.expires_at:%Y-%m-%d}"
        if row.grant is not None and row.grant.approval == Approval.PENDING:
            return f"granted by {row.decided_by}; waits for approval"
        if state in {RequestState.GRANTED, RequestState.DECLINED}:
            return f"{state.label} by {row.decided_by}" + (f": {row.answer}" if row.answer else "")
        return str(state.label)

    @admin.action(description="Grant as asked", permissions=["answer"])
    def grant_as_asked(self, request: HttpRequest, rows: QuerySet[AccessRequest]) -> HttpResponse | None:
        def do(row: AccessRequest, _values: dict[str, Any]) -> str:
            grant = grant_as_asked(row, request.user)
            admin.site.get_model_admin(Grant).log_addition(request, grant, f"Asked for in {row.pk}.")
            if grant.approval == Approval.PENDING:
                text = f"{grant} opens nothing yet: another administrator has to approve it."
                self.message_user(request, text, messages.WARNING)
            return f"Granted until {grant.valid_until:%Y-%m-%d %H:%M} UTC."

        text = (
            "Each becomes a grant from now on, given by you, with the asker's own reason: read it before you say yes."
        )
        return self._answer(request, rows, Page("grant_as_asked", "Grant", text), do)

    @admin.action(description="Decline with a reason", permissions=["answer"])
    def decline(self, request: HttpRequest, rows: QuerySet[AccessRequest]) -> HttpResponse | None:
        def do(row: AccessRequest, values: dict[str, Any]) -> str:
            decline(row, request.user, values["reason"])
            return f"Declined: {values['reason']}"

        text = "Whoever asked reads your reason. Do not say in it whether a site exists that the person never had."
        return self._answer(request, rows, Page("decline", "Decline", text, ReasonForm), do)

    def _answer(self, request: HttpRequest, rows: QuerySet[AccessRequest], page: Page, do: Do) -> HttpResponse | None:
        """The page of an action, or, when it was confirmed there, its doing; one message for each left alone."""
        chosen = list(rows.select_related("person", "role", "site").order_by("asked_at")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(request, f"Choose at most {MOST_AT_ONCE} requests at once.", messages.WARNING)
            return None
        is_confirmed = request.POST.get("confirmed") == "yes"
        form = page.form(request.POST) if is_confirmed else page.form()
        if not is_confirmed or not form.is_valid():
            context = {
                **self.admin_site.each_context(request),
                "title": f"{page.button} requests for access", "page": page, "form": form, "opts": self.opts,
                "shown": [(row, _warning(row)) for row in chosen], "checkbox": ACTION_CHECKBOX_NAME,
                "media": self.media + form.media,
            }  # fmt: skip
            return TemplateResponse(request, "admin/sites/request_action.html", context)
        done = 0
        for row in chosen:
            try:
                said = do(row, form.cleaned_data)
            except ValidationError as error:
                self.message_user(request, f"{row}: not done. {' '.join(error.messages)}", messages.WARNING)
                continue
            except audit.AuditUnavailable as error:
                self.message_user(request, f"{row}: not done. {error}", messages.ERROR)
                continue
            self.log_change(request, row, said)
            send_letters(AccessRequest.objects.select_related("person", "role", "grant").get(pk=row.pk))
            done += 1
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, f"{page.button}: {done} of {len(chosen)} request(s).", level)
        return None


def _warning(row: AccessRequest) -> str:
    """What to know before answering; empty when there is nothing."""
    if row.state is not RequestState.OPEN:
        return f"Is {row.state.label}."
    if row.role is None:
        return "The role was deleted."
    if not Site.objects.filter(slug=row.site_slug).exists():
        return "There is no such site."
    notes = []
    most = timezone.now() + dt.timedelta(days=longest_days(row.role, row.person))
    if row.last_day > most.date():
        notes.append(f"This role lasts until {most:%Y-%m-%d} at most.")
    live = Grant.objects.live().filter(Q(site=row.site), user_id=row.person_id).select_related("role")[:5]
    if live:
        notes.append("Holds " + ", ".join(f"{grant.role} until {grant.valid_until:%Y-%m-%d}" for grant in live) + ".")
    return " ".join(notes)
