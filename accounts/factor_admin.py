"""Second factors and company accounts in the administration pages; allauth's own, which show secrets, are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401 - they register their pages first, so that ours can take their place
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url

from accounts.assurance import read_assurance
from accounts.factors import has_second_factor, needs_second_factor, reset_factors
from accounts.sessions import end_sessions_of
from accounts.sign_in_steps import see_other
from accounts.step_up import has_stepped_up, to_confirm

if TYPE_CHECKING:
    from accounts.models import User

for _model in (EmailAddress, EmailConfirmation, Authenticator, SocialAccount, SocialApp, SocialToken):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


def may_administer(request: HttpRequest) -> bool:
    """Staff who showed two factors where they must. Somebody made staff since signing in confirms first."""
    person = request.user
    if not (person.is_active and person.is_staff):
        return False
    return not needs_second_factor(person) or read_assurance(request.session).has_two_factors


def own_password(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The one page for one's own password: it counts wrong old ones, which the administration's own does not."""
    return see_other(resolve_url("accounts:password"))


admin.site.has_permission = may_administer  # type: ignore[method-assign]
admin.site.password_change = own_password  # type: ignore[method-assign, assignment]


class ResetsFactors:
    """For the list of people: take all second factors away from somebody who lost them."""

    @admin.action(description="Take away all second factors (lost phone)", permissions=["change"])
    def reset_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Asks the administrator to confirm first: whoever can do this can become any of these people."""
        if has_second_factor(request.user) and not has_stepped_up(request):
            return to_confirm(request)
        touchable = [person for person in queryset if self._may_touch(request, person)]  # type: ignore[attr-defined]
        with transaction.atomic():  # all of them or, when it cannot be recorded, none
            self._reset(request, touchable)
        messages.success(request, f"They set up a new second factor at their next sign-in: {len(touchable)}.")
        return None

    def _reset(self, request: HttpRequest, people: list[User]) -> None:
        for person in people:
            count = reset_factors(person, actor=request.user, request=request)
            self.log_change(request, person, f"Took away {count} second factor(s) and all sign-ins.")  # type: ignore[attr-defined]


@admin.register(SocialAccount)
class CompanyAccountAdmin(admin.ModelAdmin):
    """Which account belongs to whom at a company. Only superusers connect by hand: it is a way into the account."""

    list_display = ("user", "provider", "uid", "last_login")
    list_filter = ("provider",)
    list_select_related = ("user",)
    search_fields = ("user__username", "uid")
    fields = ("user", "provider", "uid")
    autocomplete_fields = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: SocialAccount | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SocialAccount | None = None) -> bool:
        return request.user.is_superuser

    def delete_model(self, request: HttpRequest, obj: SocialAccount) -> None:
        end_sessions_of(obj.user)  # they may rest on the company's word
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SocialAccount]) -> None:
        for account in queryset.select_related("user"):
            self.delete_model(request, account)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        labels = {"user": "Person", "provider": "Company (its id in the settings)", "uid": "Lasting id there (sub)"}
        return super().get_form(request, obj, change=change, labels=labels, **kwargs)
