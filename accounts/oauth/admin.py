"""Registering other applications in the Django admin, and ending what they can see. Nobody registers anywhere else.

No secret is ever shown here: ``manage.py new_client_secret`` writes it into a file for whoever hands it over.
"""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import slugify

from accounts import audit
from accounts.admin import SuperusersChange
from accounts.oauth import authorizations
from accounts.oauth.clients import KINDS, MAX_REDIRECTS, kind_of, refuse_redirect
from accounts.oauth.models import Client, SiteAuthorization


class ClientForm(forms.ModelForm):
    """Name, kind and redirect addresses; everything else of the toolkit's row follows from the kind."""

    kind = forms.ChoiceField(
        choices=[(name, kind.words) for name, kind in KINDS.items()],
        help_text="Cannot be changed later. A program without a person gets a service account of its own: give that "
        "account a role at each site it may read, as you would a person.",
    )
    redirect_uris = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Redirect addresses",
        help_text="One a line, compared character by character: https://... For an app on a device also "
        "http://127.0.0.1/path, at whatever port it listens.",
    )

    class Meta:
        model = Client
        fields = ("name", "redirect_uris")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:  # whoever may only look gets the form without fields
            self.fields["name"].required = True
        if self.instance.pk is not None:
            self.fields.pop("kind", None)

    def clean_name(self) -> str:
        name = self.cleaned_data["name"].strip()
        if not name.isprintable() or len(name) > 80:
            raise forms.ValidationError("A name has at most 80 printable characters: people decide by it.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk is None and cleaned.get("kind"):
            _, self.instance.client_type, self.instance.authorization_grant_type = KINDS[cleaned["kind"]]
        kind = kind_of(self.instance.client_type, self.instance.authorization_grant_type)
        uris = cleaned.get("redirect_uris", "").split()
        needs = kind in {"native", "web"}
        if needs and not uris:
            self.add_error("redirect_uris", "Say where the application is to be answered.")
        if not needs and uris:
            self.add_error("redirect_uris", "This kind of application is never answered in a browser.")
        if len(uris) > MAX_REDIRECTS:
            self.add_error("redirect_uris", f"At most {MAX_REDIRECTS} addresses.")
        for problem in filter(None, (refuse_redirect(uri, native=kind == "native") for uri in uris)):
            self.add_error("redirect_uris", problem)
        cleaned["redirect_uris"] = " ".join(uris)
        return cleaned


@admin.register(Client)
class ClientAdmin(SuperusersChange):
    """Who else may ask. Deleting one ends all it can see, at once."""

    form = ClientForm
    list_display = ("name", "client_id", "kind", "user", "created")
    search_fields = ("name", "client_id")
    readonly_fields = ("client_id", "kind", "user", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        types = {kind.grant_type for kind in KINDS.values()}
        return super().get_queryset(request).filter(authorization_grant_type__in=types)

    def get_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("name", "kind", "redirect_uris")
        return ("name", "client_id", "kind", "redirect_uris", "user", "created")

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> tuple[str, ...]:
        return () if obj is None else self.readonly_fields

    @admin.display(description="kind")
    def kind(self, client: Client) -> str:
        name = kind_of(client.client_type, client.authorization_grant_type)
        return KINDS[name].words if name else ""

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        if change:
            _record(request, "client:row:changed", obj, changed=" ".join(form.changed_data))
            super().save_model(request, obj, form, change)
            if "redirect_uris" in form.changed_data:
                authorizations.end_all("The application was changed.", actor=request.user, application_id=obj.pk)
            return
        name, suffix = slugify(obj.name)[:24].strip("-") or "client", secrets.token_hex(4)
        obj.client_id = f"{name}-{suffix}"
        obj.client_secret = make_password(None)  # nobody's, until a secret is made for it
        obj.skip_authorization = False
        obj.algorithm = obj.NO_ALGORITHM
        if form.cleaned_data["kind"] == "service":
            account = get_user_model()(username=f"service {obj.client_id}", first_name=obj.name[:150])
            account.set_unusable_password()
            account.save()
            obj.user = account
        super().save_model(request, obj, form, change)
        _record(request, "client:row:added", obj, kind=form.cleaned_data["kind"])
        if obj.client_type == obj.CLIENT_CONFIDENTIAL:
            messages.info(request, f"Now run: manage.py new_client_secret {obj.client_id} --out FILE")

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Client) -> None:
        authorizations.end_all("The application was deleted.", actor=request.user, application_id=obj.pk)
        _record(request, "client:row:deleted", obj)
        account = obj.user
        super().delete_model(request, obj)
        if account is not None and not account.has_usable_password():
            account.is_active = False  # its grants stay readable, so it is closed and not deleted
            account.save()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        for client in queryset:
            self.delete_model(request, client)


@admin.register(SiteAuthorization)
class SiteAuthorizationAdmin(admin.ModelAdmin):
    """What other applications can see right now, in whose name, and the end of it."""

    list_display = ("application", "user", "site_name", "scope", "how", "created", "ends_at", "ended_at")
    list_select_related = ("application", "user")
    list_filter = ("how", "ended_at")
    search_fields = ("application__name", "user__username", "site_name")
    fields = (*list_display, "ended_because")
    readonly_fields = fields
    actions = ("end_access",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SiteAuthorization | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SiteAuthorization | None = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("oauth.delete_siteauthorization")

    @admin.action(description="End selected access", permissions=["end"])
    def end_access(self, request: HttpRequest, queryset: QuerySet[SiteAuthorization]) -> None:
        rows = queryset.filter(ended_at=None).select_related("application", "user")
        count = sum(authorizations.end(row, "An administrator ended it.", actor=request.user) for row in rows)
        messages.success(request, f"Ended: {count}. To keep it so, end the person's grant or delete the application.")


def _record(request: HttpRequest, tag: str, client: Client, **facts: str) -> None:
    audit.record(tag, actor=request.user, result="done", subject=client.client_id, request=request, facts=facts)
