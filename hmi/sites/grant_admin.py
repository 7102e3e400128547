"""The admin of grants, made for whoever gives and takes access every day: find the person, see, give, end."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html

from hmi.sites import grant_pages, grant_rules
from hmi.sites.grant_actions import GrantActions
from hmi.sites.grant_filters import StateFilter
from hmi.sites.grant_forms import GrantForm
from hmi.sites.grants import SOON, Approval, State
from hmi.sites.models import Grant

_FIELDS = (
    "user", "role", "site", "valid_from", "valid_until", "reason", "granted_by", "given_at", "approval", "approved_by",
    "approved_at", "revoked_at", "revoked_by", "end_reason", "epoch",
)  # fmt: skip


@admin.register(Grant)
class GrantAdmin(GrantActions, admin.ModelAdmin):
    form = GrantForm
    change_list_template = "admin/sites/grant_list.html"
    list_display = ("user", "role", "site", "state", "until", "reason", "given", "why")
    list_filter = (StateFilter, "site", "role", "user__is_contractor")
    list_select_related = ("user", "role", "site", "granted_by", "approved_by")
    list_per_page = 50
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email", "site__name", "reason")
    search_help_text = "Person, site or reason"
    autocomplete_fields = ("user", "site")
    date_hierarchy = "valid_until"
    actions = ("approve", "refuse", "extend", "revoke_now", "revoke")
    fields = _FIELDS
    readonly_fields = _FIELDS[6:]

    def get_fields(self, request: HttpRequest, obj: Grant | None = None) -> tuple[str, ...]:
        return self.fields if obj is not None else self.fields[:6]

    def get_readonly_fields(self, request: HttpRequest, obj: Grant | None = None) -> tuple[str, ...]:
        # Whose, what and where are what a grant *is*: another one is another grant. An ended one is history, one that
        # waits is what the second person reads, and of an approved one only an earlier end needs nobody's yes.
        if obj is None:
            return ()
        if obj.revoked_at is not None or obj.approval == Approval.PENDING:
            return self.fields
        if obj.approval == Approval.APPROVED:
            return tuple(name for name in self.fields if name != "valid_until")
        return (*self.readonly_fields, "user", "role", "site")

    def get_form(self, request: HttpRequest, obj: Grant | None = None, change: bool = False, **kwargs: Any) -> type:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"granter": request.user})

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change:
            return
        if obj.approval == Approval.PENDING:
            text = f"{obj} opens nothing yet: another administrator has to approve it."
            self.message_user(request, text, messages.WARNING)
        if other := grant_rules.beside(obj):
            self.message_user(request, other, messages.WARNING)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoke: who could see what stays readable

    def get_urls(self) -> list[Any]:
        def guarded(view: Any) -> Any:
            return self.admin_site.admin_view(view)

        return [
            path("why/", guarded(grant_pages.why), name="sites_grant_why"),
            path("review/", guarded(grant_pages.review), name="sites_grant_review"),
            path("view-as/", guarded(grant_pages.begin_view_as), name="sites_grant_view_as"),
            *super().get_urls(),
        ]

    @admin.display(description="State")
    def state(self, grant: Grant) -> str:
        now = timezone.now()
        state = grant.state_at(now)
        if state is State.LIVE and grant.valid_until - now <= SOON:
            return "live, ends soon"
        if state in {State.REVOKED, State.REFUSED} and grant.revoked_at is not None:
            return f"{state.label} {grant.revoked_at:%Y-%m-%d %H:%M}"
        return str(state.label)

    @admin.display(description="Until (UTC)", ordering="valid_until")
    def until(self, grant: Grant) -> str:
        return f"{grant.valid_until:%Y-%m-%d %H:%M}"  # short: the list has to fit beside its filters on a tablet

    @admin.display(description="Given by", ordering="granted_by__username")
    def given(self, grant: Grant) -> str:
        giver = str(grant.granted_by or "command line")
        return f"{giver}, approved by {grant.approved_by}" if grant.approved_by else giver

    @admin.display(description="Access")
    def why(self, grant: Grant) -> str:
        query = urlencode({"person": grant.user.get_username(), "site": grant.site.slug})
        return format_html('<a href="{}?{}">Why?</a>', reverse("admin:sites_grant_why"), query)
