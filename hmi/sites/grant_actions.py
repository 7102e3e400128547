"""The list actions on grants: approve, refuse, extend, revoke. All but *Revoke now* show a page before they do it.

A page names each grant as the administrator saw it (its epoch): a grant that somebody else changed meanwhile is left
alone, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts import audit
from hmi.sites import grant_rules
from hmi.sites.approvals import MOST_AT_ONCE, extend
from hmi.sites.grant_forms import ExtendForm, ReasonForm
from hmi.sites.grants import Grant

Do = Callable[[Grant, dict[str, Any]], str]  # does it, and says what was done; ValidationError says why not
AT_ONCE = "at once, without a reason"


@dataclass(frozen=True)
class Page:
    """What the page of an action says. ``action`` is the action's own name, ``button`` the verb on its button."""

    action: str
    button: str
    text: str
    form: type[forms.Form] = forms.Form


class GrantActions:
    """Mixed into ``GrantAdmin``. Permissions are asked for on the server, for the list of actions and for doing."""

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(grant_rules.APPROVE)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(grant_rules.END)

    def has_extend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(grant_rules.GIVE)

    @admin.action(description="Approve: the second person's yes", permissions=["approve"])
    def approve(self: Any, request: HttpRequest, grants: QuerySet[Grant]) -> HttpResponse | None:
        def do(grant: Grant, _values: dict[str, Any]) -> str:
            grant.approve(request.user)
            return "Approved."

        text = "You are the second person who says yes. From then on each grant opens what it says."
        return confirm(self, request, grants, Page("approve", "Approve", text), do)

    @admin.action(description="Refuse to approve", permissions=["approve"])
    def refuse(self: Any, request: HttpRequest, grants: QuerySet[Grant]) -> HttpResponse | None:
        def do(grant: Grant, values: dict[str, Any]) -> str:
            grant.refuse(request.user, values["reason"])
            return f"Refused: {grant.end_reason}"

        text = "These grants end before they opened anything. Whoever gave them reads your reason."
        return confirm(self, request, grants, Page("refuse", "Refuse", text, ReasonForm), do)

    @admin.action(description="Extend", permissions=["extend"])
    def extend(self: Any, request: HttpRequest, grants: QuerySet[Grant]) -> HttpResponse | None:
        def do(grant: Grant, values: dict[str, Any]) -> str:
            lasting = extend(grant, values["valid_until"], values["reason"], request.user)
            if lasting.pk == grant.pk:
                return f"Extended to {lasting.valid_until:%Y-%m-%d %H:%M} UTC: {values['reason']}"
            self.log_addition(request, lasting, f"Extends {grant.pk}.")
            waits = "; it waits for approval" if grant_rules.needs_approval(lasting) else ""
            return f"Goes on in a new grant until {lasting.valid_until:%Y-%m-%d %H:%M} UTC{waits}."

        text = (
            "A role that writes goes on in a new grant, which a second person approves. Until then the old end counts."
        )
        return confirm(self, request, grants, Page("extend", "Extend", text, ExtendForm), do)

    @admin.action(description="Revoke now: open pages close within seconds", permissions=["revoke"])
    def revoke_now(self: Any, request: HttpRequest, grants: QuerySet[Grant]) -> None:
        """For the lost phone: no page between the click and the end. The history says that no reason was given."""
        count = 0
        for grant in grants.filter(revoked_at__isnull=True).select_related("user", "role", "site")[:MOST_AT_ONCE]:
            grant.revoke(by=request.user, reason=AT_ONCE)
            self.log_change(request, grant, f"Revoked: {AT_ONCE}")
            count += 1
        self.message_user(request, f"{count} grant(s) revoked.", messages.SUCCESS if count else messages.WARNING)

    @admin.action(description="Revoke with a reason", permissions=["revoke"])
    def revoke(self: Any, request: HttpRequest, grants: QuerySet[Grant]) -> HttpResponse | None:
        def do(grant: Grant, values: dict[str, Any]) -> str:
            if grant.revoked_at is not None:
                raise ValidationError("It has ended already.")
            grant.revoke(by=request.user, reason=values["reason"])
            return f"Revoked: {grant.end_reason}"

        text = "Open pages and tokens under these grants end within seconds. Grants are kept, for history."
        return confirm(self, request, grants, Page("revoke", "Revoke", text, ReasonForm), do)


def confirm(model_admin: Any, request: HttpRequest, grants: QuerySet[Grant], page: Page, do: Do) -> HttpResponse | None:
    """The page of an action, or, when it was confirmed there, its doing; one message for each grant left alone."""
    chosen = list(
        grants.select_related("user", "role", "site", "granted_by", "approved_by").order_by("valid_until")[
            : MOST_AT_ONCE + 1
        ]
    )
    if len(chosen) > MOST_AT_ONCE:
        model_admin.message_user(request, f"Choose at most {MOST_AT_ONCE} grants at once.", messages.WARNING)
        return None
    is_confirmed = request.POST.get("confirmed") == "yes"
    form = page.form(request.POST) if is_confirmed else page.form()
    if not is_confirmed or not form.is_valid():
        context = {
            **model_admin.admin_site.each_context(request),
            "title": f"{page.button} grants", "page": page, "form": form, "grants": chosen,
            "opts": model_admin.model._meta, "checkbox": ACTION_CHECKBOX_NAME,  # noqa: SLF001 - Django's own name for it
            "media": model_admin.media + form.media,
        }  # fmt: skip
        return TemplateResponse(request, "admin/sites/grant_action.html", context)
    seen = set(request.POST.getlist("seen"))
    done = 0
    for grant in chosen:
        try:
            _demand_seen(grant, seen)
            said = do(grant, form.cleaned_data)
        except ValidationError as error:
            model_admin.message_user(request, f"{grant}: not done. {' '.join(error.messages)}", messages.WARNING)
            continue
        except audit.AuditUnavailable as error:
            model_admin.message_user(request, f"{grant}: not done. {error}", messages.ERROR)
            continue
        model_admin.log_change(request, grant, said)
        done += 1
    level = messages.SUCCESS if done else messages.WARNING
    model_admin.message_user(request, f"{page.button}: {done} of {len(chosen)} grant(s).", level)
    return None


def _demand_seen(grant: Grant, seen: set[str]) -> None:
    if f"{grant.pk}:{grant.epoch}" not in seen:
        raise ValidationError("It was changed since you looked. Look again.")
