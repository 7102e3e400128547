"""The admin of people in a web app that has sites: the accounts' own, and access to sites given to many at once."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin import PersonAdmin
from accounts.models import User
from hmi.sites import grant_rules
from hmi.sites.approvals import MOST_AT_ONCE, give_all, plan_grants
from hmi.sites.grant_forms import GiveForm, note_own
from hmi.sites.models import Grant

admin.site.unregister(User)  # the accounts' own list knows no site; this one is the same and more


@admin.register(User)
class PersonWithGrantsAdmin(PersonAdmin):
    list_display: Any = (*PersonAdmin.list_display, "is_contractor", "access")
    list_filter: ClassVar[Any] = (*PersonAdmin.list_filter, "is_contractor", "grants__site", "grants__role")
    date_hierarchy = "date_joined"
    change_list_template = "admin/sites/person_list.html"
    actions: Any = (*PersonAdmin.actions, "grant_roles")
    fieldsets: ClassVar[Any] = (
        *PersonAdmin.fieldsets[:2],
        ("Company", {"fields": ("is_contractor",)}),
        *PersonAdmin.fieldsets[2:],
    )

    def has_grant_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(grant_rules.GIVE)

    @admin.display(description="Access")
    def access(self, person: User) -> str:
        return format_html(
            '<a href="{}?user__id__exact={}">Grants</a>', reverse("admin:sites_grant_changelist"), person.pk
        )

    @admin.action(description="Grant a role at sites to these people", permissions=["grant"])
    def grant_roles(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse | None:
        """A form, then what would become of each grant, then the doing: three posts of one page."""
        chosen = list(people.order_by("username")[: MOST_AT_ONCE + 1])
        step = request.POST.get("step", "")
        form = GiveForm(request.POST) if step else GiveForm()
        planned: list[Any] = []
        if step and form.is_valid():
            values = form.cleaned_data
            if len(chosen) * len(values["sites"]) > MOST_AT_ONCE:
                form.add_error(None, f"That is more than {MOST_AT_ONCE} grants: choose fewer people or sites.")
            else:
                planned = plan_grants(
                    chosen, values["sites"], values["role"], start=values["valid_from"], end=values["valid_until"],
                    reason=values["reason"], by=request.user,
                )  # fmt: skip
                if step == "give":
                    self._give(request, planned)
                    return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Grant a role at sites", "form": form, "people": chosen, "planned": planned,
            "possible": sum(not plan.refused for plan in planned), "opts": self.model._meta,  # noqa: SLF001
            "checkbox": ACTION_CHECKBOX_NAME, "media": self.media + form.media,
        }  # fmt: skip
        return TemplateResponse(request, "admin/sites/grant_give.html", context)

    def _give(self, request: HttpRequest, planned: list[Any]) -> None:
        done = give_all(planned)
        grants = admin.site.get_model_admin(Grant)
        for plan in done:
            if not plan.refused:
                grants.log_addition(request, plan.grant, "Given to several people at once.")
                continue
            if plan.grant.user == request.user:
                note_own(request.user, plan.grant.site)
            self.message_user(request, f"{plan.grant}: not given. {plan.refused}", messages.WARNING)
        given = [plan for plan in done if not plan.refused]
        waiting = sum(plan.grant.approval == "pending" for plan in given)
        text = f"{len(given)} of {len(done)} grant(s) given."
        if waiting:
            text += f" {waiting} wait(s) for another administrator's approval."
        self.message_user(request, text, messages.SUCCESS if given else messages.WARNING)
