"""People, roles and first-party access tokens in the Django admin, behind the one sign-in that is rate-limited.

Two rules run through it: nobody changes what he himself may do, and only a superuser hands out administration.
"""

from __future__ import annotations

from typing import Any

import oauth2_provider.admin  # noqa: F401 - registers its own pages first, so that ours can take their place
from axes.utils import reset
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render, resolve_url
from django.views.decorators.cache import never_cache
from oauth2_provider.models import AccessToken, Application, Grant, IDToken, RefreshToken, revoke_access_token

from accounts import audit, first_party, sign_in_admin, views  # noqa: F401 - sign_in_admin registers its pages
from accounts.admin_step_up import step_up_in
from accounts.audit.admin_changes import recorded_by_name
from accounts.factor_admin import ResetsFactors
from accounts.models import Role, User
from accounts.oauth import authorizations
from accounts.sessions import end_sessions_of
from accounts.sign_in_limits import confirming_name
from accounts.step_up import to_confirm
from relay_bridge.contract.scopes import SCOPES, format_scopes, parse_scopes

SIGNED_OUT = "An administrator signed the person out everywhere."

admin.site.site_header = "Sightline"
admin.site.site_title = "Sightline administration"
admin.site.index_title = "People, roles and sites"


@login_not_required
@never_cache
def admin_sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin's own login form is out of the way: a second door would need a second lock."""
    wanted = request.GET.get("next") or resolve_url("admin:index")
    if request.user.is_authenticated:
        if admin.site.has_permission(request):
            return views.see_other(resolve_url("admin:index"))
        if request.user.is_staff:  # an administrator whose sign-in showed too little
            return to_confirm(request)
        return render(request, "accounts/not_an_administrator.html", status=403)
    query = QueryDict(mutable=True)
    query["next"] = wanted
    return HttpResponseRedirect(f"{resolve_url('accounts:sign-in')}?{query.urlencode(safe='/')}")


admin.site.login = admin_sign_in  # type: ignore[method-assign]
admin.site.logout = views.sign_out  # type: ignore[method-assign, assignment]
step_up_in(admin.site)


@admin.register(User)
class PersonAdmin(ResetsFactors, UserAdmin):
    """People. ``subject`` is shown because it is what a site's own log calls them."""

    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email", "subject")
    readonly_fields = ("subject", "last_login", "date_joined")
    actions = ("end_sessions", "end_sign_in_pause", "reset_second_factors")
    fieldsets = (
        (None, {"fields": ("username", "password", "subject")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May sign in", {"fields": ("is_active",)}),
        ("Administration", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    # What decides about administering; the first also decides whether somebody can sign in at all.
    own_power = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        if obj is not None and obj.pk == request.user.pk:
            return fields + self.own_power
        if not request.user.is_superuser:
            return fields + self.own_power[1:]
        return fields

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Not oneself: the last administrator must not be able to lock everybody out by accident."""
        is_self = obj is not None and obj.pk == request.user.pk
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj) and not is_self

    def _may_touch(self, request: HttpRequest, obj: User | None) -> bool:
        # Whoever may set an administrator's password is that administrator.
        return obj is None or obj.pk == request.user.pk or request.user.is_superuser or not _administers(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        # Deleting many at once would go past has_delete_permission's question about oneself.
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Sign out everywhere and end site access", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        touchable = [person for person in queryset if self._may_touch(request, person)]
        for person in touchable:
            sessions, tokens = end_sessions_of(person), first_party.end_access_of(person)
            others = authorizations.end_all(SIGNED_OUT, actor=request.user, user=person)
            # Taking access away does not wait for the trail: it happens although it cannot be recorded.
            facts = {"count": str(sessions), "access_tokens": str(tokens)}
            _ended("person:sessions:ended", request, audit.person_subject(person), facts)
            ended = f"Ended {sessions} session(s), {tokens} access token(s), {others} other application(s)."
            self.log_change(request, person, ended)
        messages.success(request, f"Signed out everywhere: {len(touchable)}.")

    @admin.action(description="End the pause after failed sign-ins", permissions=["change"])
    def end_sign_in_pause(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        # Whoever could end an administrator's pause again and again could guess that password without end.
        touchable = [person for person in queryset if self._may_touch(request, person)]
        for person in touchable:
            with recorded_by_name():
                attempts = reset(username=person.get_username()) + reset(username=confirming_name(person))
            if attempts:
                _ended("person:sign-in:unlocked", request, audit.person_subject(person), {"count": str(attempts)})
                self.log_change(request, person, "Ended the pause after failed sign-ins.")
        messages.success(request, f"They can try to sign in again now: {len(touchable)}.")


def _ended(tag: str, request: HttpRequest, subject: str, facts: dict[str, str]) -> None:
    audit.try_record(tag, actor=request.user, result="done", subject=subject, request=request, facts=facts)


def _administers(person: User) -> bool:
    return person.is_staff or person.is_superuser


class RoleForm(forms.ModelForm):
    """A role's scopes as check boxes over the closed list; nothing else can be stored."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {meaning}") for scope, meaning in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Role
        fields = ("name", "slug", "scopes", "default_days", "longest_days", "requires_second_factor")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["scopes"] = sorted(parse_scopes(self.instance.scopes))
        if "longest_days" in self.fields:
            self.fields["longest_days"].required = False  # empty: as it is, a year for a new role

    def clean_scopes(self) -> str:
        return format_scopes(frozenset(self.cleaned_data["scopes"]))

    def clean_longest_days(self) -> int:
        days = self.cleaned_data["longest_days"]
        return self.instance.longest_days if days is None else days


class SuperusersChange(admin.ModelAdmin):
    """Rows that decide about many people's rights: only superusers change them, others with the permission look."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser


admin.site.unregister(Group)


@admin.register(Group)
class AdministrationGroupAdmin(SuperusersChange, GroupAdmin):
    """Groups of administration permissions; they have nothing to do with roles at sites."""


class ScopeFilter(admin.SimpleListFilter):
    """Roles that hold a scope."""

    title = "scope"
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(SCOPES.items())

    def queryset(self, request: HttpRequest, roles: QuerySet[Role]) -> QuerySet[Role]:
        wanted = self.value()
        if wanted not in SCOPES:
            return roles
        # Scopes stand in one text, each between spaces; none is the beginning of another.
        return roles.filter(scopes__regex=rf"(^| ){wanted}( |$)")


@admin.register(Role)
class RoleAdmin(SuperusersChange):
    """Roles. A change reaches everybody who holds the role, at once."""

    form = RoleForm
    list_display = ("name", "scopes", "default_days", "longest_days", "requires_second_factor")
    list_filter = (ScopeFilter, "requires_second_factor")
    search_fields = ("name", "slug", "scopes")
    date_hierarchy = "created"
    prepopulated_fields = {"slug": ("name",)}

    def get_prepopulated_fields(self, request: HttpRequest, obj: Role | None = None) -> dict[str, Any]:
        # The slug stands in addresses and configuration: it is made once and does not follow a new name.
        return dict(self.prepopulated_fields) if obj is None else {}

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> tuple[str, ...]:
        return () if obj is None else ("slug",)


for _model in (AccessToken, Application, Grant, IDToken, RefreshToken):
    # The toolkit's pages let an admin edit a live token's scopes. Ours are for looking and ending; applications and
    # what they may look at have pages of their own (accounts.oauth.admin).
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(AccessToken)
class AccessTokenAdmin(admin.ModelAdmin):
    """Who has which site open right now. There is no token value to show: it was never stored."""

    list_display = ("user", "application", "sites", "scope", "expires")
    list_select_related = ("user", "application")
    list_filter = ("expires",)
    search_fields = ("user__username", "resource")
    fields = ("user", "application", "sites", "scope", "created", "expires")
    readonly_fields = fields
    ordering = ("-expires",)
    actions = ("end_access",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AccessToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccessToken | None = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("oauth2_provider.delete_accesstoken")

    @admin.display(description="site")
    def sites(self, token: AccessToken) -> str:
        return ", ".join(token.resource)

    @admin.action(description="End selected access", permissions=["end"])
    def end_access(self, request: HttpRequest, queryset: QuerySet[AccessToken]) -> None:
        tokens = list(queryset)
        for token in tokens:
            self.log_deletions(request, AccessToken.objects.filter(pk=token.pk))
            facts = {"person": audit.person_subject(token.user)} if token.user is not None else {}
            _ended("token:access:ended", request, " ".join(token.resource), facts)
            revoke_access_token(token)  # the toolkit's own way: a refresh token bound to it ends with it
        messages.success(request, f"Ended {len(tokens)} access token(s). A page whose grant stands asks for a new one.")
