"""The admin of sites and grants, made for whoever gives and takes access every day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from hmi.sites.conduit_admin import ConduitActions, ConduitInline
from hmi.sites.models import Grant, Site

SOON = dt.timedelta(days=7)  # a grant that ends within this time counts as "ends soon"


@admin.register(Site)
class SiteAdmin(ConduitActions, admin.ModelAdmin):
    list_display = ("name", "slug", "time_zone", "enabled", "created")
    list_filter = ("enabled",)
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "created")
    inlines = (ConduitInline,)
    actions = ("count_listeners", "rotate_send_key")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # see ConduitInline

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # switch it off, or manage.py cut_off_site: who could see what stays readable


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("live", "live"), ("soon", "ends within 7 days"), ("later", "starts later"), ("over", "over")]

    def queryset(self, request: HttpRequest, grants: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        live = Grant.objects.live(now).values("pk")
        match self.value():
            case "live":
                return grants.filter(pk__in=live)
            case "soon":
                return grants.filter(pk__in=live, valid_until__lte=now + SOON)
            case "later":
                return grants.filter(valid_from__gt=now, revoked_at__isnull=True)
            case "over":
                return grants.filter(Q(valid_until__lte=now) | Q(revoked_at__isnull=False))
        return grants


class GrantForm(forms.ModelForm):
    """``valid_until`` may stay empty: then the role's own number of days counts."""

    granter: Any = None  # set for each request by GrantAdmin.get_form

    class Meta:
        model = Grant
        fields = ("user", "role", "site", "valid_from", "valid_until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "valid_until" in self.fields:
            self.fields["valid_until"].required = False
            self.fields["valid_until"].help_text = "UTC. Empty: as many days as the role says."

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        user = values.get("user") or getattr(self.instance, "user", None)
        # Separation of duties: nobody gives himself access, and nobody lengthens his own.
        if user is not None and user == self.granter:
            raise ValidationError("You cannot grant yourself access, or change your own: ask another administrator.")
        role, start = values.get("role") or getattr(self.instance, "role", None), values.get("valid_from")
        if not values.get("valid_until") and "valid_until" not in self.errors and role is not None and start:
            values["valid_until"] = start + dt.timedelta(days=role.default_days)
        return values


@admin.register(Grant)
class GrantAdmin(admin.ModelAdmin):
    """People first: find the person, see what they may do where and until when, end it."""

    form = GrantForm
    list_display = ("user", "role", "site", "state", "valid_from", "valid_until", "reason", "granted_by")
    list_filter = (StateFilter, "site", "role")
    list_select_related = ("user", "role", "site", "granted_by")
    search_fields = ("user__username", "user__first_name", "user__last_name", "user__email", "site__name", "reason")
    search_help_text = "Person, site or reason"
    autocomplete_fields = ("user", "site")
    date_hierarchy = "valid_until"
    actions = ("revoke",)
    fields = ("user", "role", "site", "valid_from", "valid_until", "reason", "granted_by", "revoked_at", "epoch")
    readonly_fields = ("granted_by", "revoked_at", "epoch")

    def get_readonly_fields(self, request: HttpRequest, obj: Grant | None = None) -> tuple[str, ...]:
        # Whose, what and where are what a grant *is*: another one is another grant. An ended one is history.
        if obj is None:
            return self.readonly_fields
        if obj.revoked_at is not None:
            return self.fields
        return (*self.readonly_fields, "user", "role", "site")

    def get_form(self, request: HttpRequest, obj: Grant | None = None, change: bool = False, **kwargs: Any) -> type:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"granter": request.user})

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: bool) -> None:
        if not change:
            # The admin lets nobody in without a sign-in.
            obj.granted_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # revoke: who could see what stays readable

    @admin.display(description="State")
    def state(self, grant: Grant) -> str:
        now = timezone.now()
        if grant.revoked_at is not None:
            return f"revoked {grant.revoked_at:%Y-%m-%d %H:%M}"
        if now >= grant.valid_until:
            return "over"
        if now < grant.valid_from:
            return "starts later"
        if not grant.is_live(now):
            return "suspended: site or account is switched off"
        return "live, ends soon" if grant.valid_until - now <= SOON else "live"

    @admin.action(description="Revoke now: open pages close within seconds", permissions=["change"])
    def revoke(self, request: HttpRequest, grants: QuerySet[Grant]) -> None:
        count = 0
        for grant in grants.filter(revoked_at__isnull=True).select_related("user", "role", "site"):
            grant.revoke()
            self.log_change(request, grant, "Revoked.")
            count += 1
        self.message_user(request, f"{count} grant(s) revoked.", messages.SUCCESS if count else messages.WARNING)
