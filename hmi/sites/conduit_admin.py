"""What the administration shows of conduits, and the two things it can do with them: count listeners, rotate a key.

Neither keys nor their files are ever shown. Both actions ask for their own permission on the server: looking for
``view_conduit``, rotating for ``change_conduit``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from hmi.sites.conduit_status import key_ages, look_at
from hmi.sites.key_rotation import rotate_send_key
from hmi.sites.models import Conduit, ConduitChange, Site
from hmi.sites.relay_management import relay_management
from relay_bridge.management import ManagementError

# Sites of one action: somebody waits for the page. Counting is a call or two for each, rotating takes ten seconds.
MAX_COUNTED, MAX_ROTATED = 20, 3


class ConduitInline(admin.StackedInline):
    """What is known of the connection. Keys are never shown: only whether they are there, and since when."""

    model = Conduit
    can_delete = False
    extra = 0
    fields = ("endpoint", "entity_path", "send_key", "listen_key", "agent", "created")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # manage.py provision_site makes keys, files and the relay's entry along with it

    @admin.display(description="Send key")
    def send_key(self, conduit: Conduit) -> str:
        try:
            present = conduit.send_key_path.is_file()
        except ValidationError:
            present = False
        return f"{'present' if present else 'missing'}, {_age(conduit, 'Send', conduit.send_key_changed)}"

    @admin.display(description="Listen key")
    def listen_key(self, conduit: Conduit) -> str:
        text = f"at the site, {_age(conduit, 'Listen', conduit.listen_key_changed)}"
        if conduit.listen_rotation is not None:
            text += f"; a new one was made at {conduit.listen_rotation:%Y-%m-%d %H:%M} UTC and waits to be finished"
        return text

    @admin.display(description="Agent's certificate")
    def agent(self, conduit: Conduit) -> str:
        return "pinned" if conduit.agent_pin else "not pinned: no session can be opened"


class ConduitActions:
    """The actions of ``SiteAdmin``, which mixes this in."""

    def has_view_conduit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sites.view_conduit")

    def has_change_conduit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sites.change_conduit")

    @admin.action(description="Count listeners at the relay now", permissions=["view_conduit"])
    def count_listeners(self: Any, request: HttpRequest, sites: QuerySet[Site]) -> None:
        conduits = _conduits(self, request, sites, MAX_COUNTED)
        if conduits is None:
            return
        try:
            with relay_management() as management:
                for conduit in conduits:
                    status = look_at(management, conduit, timezone.now())
                    count = "no hybrid connection" if status.listeners is None else f"{status.listeners} listener(s)"
                    level = messages.WARNING if status.warnings else messages.SUCCESS
                    text = " ".join([f"{conduit.site.name}: {count} at the relay.", *status.warnings])
                    self.message_user(request, text, level)
        except ManagementError as error:
            self.message_user(request, str(error), messages.ERROR)

    @admin.action(description="Rotate the Send key (nobody is interrupted)", permissions=["change_conduit"])
    def rotate_send_key(self: Any, request: HttpRequest, sites: QuerySet[Site]) -> HttpResponse | None:
        conduits = _conduits(self, request, sites, MAX_ROTATED)
        if conduits is None:
            return None
        if request.POST.get("confirmed") != "yes":
            context = {
                **self.admin_site.each_context(request),
                "title": "Rotate the Send key",
                "conduits": conduits,
                "opts": self.model._meta,  # noqa: SLF001 - Django's own name for it
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/sites/rotate_send_key.html", context)
        for conduit in conduits:
            try:
                mark = rotate_send_key(conduit, timezone.now(), request.user.get_username())
            except (ManagementError, OSError) as error:
                self.message_user(request, f"{conduit.site.name}: not rotated. {error}", messages.ERROR)
                continue
            self.log_change(request, conduit.site, f"Rotated the Send key; the new one is {mark}.")
            text = f"{conduit.site.name}: the Send key is a new one ({mark})."
            self.message_user(request, text, messages.SUCCESS)
        return None


@admin.register(ConduitChange)
class ConduitChangeAdmin(admin.ModelAdmin):
    """The record, to be read."""

    list_display = ("at", "conduit", "what", "by")
    list_select_related = ("conduit",)
    list_filter = ("conduit__site",)
    search_fields = ("conduit__site__name", "conduit__site__slug", "what", "by")
    date_hierarchy = "at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _conduits(model_admin: Any, request: HttpRequest, sites: QuerySet[Site], limit: int) -> list[Conduit] | None:
    """The conduits of the chosen sites, or None after saying why not."""
    found = list(Conduit.objects.select_related("site").filter(site__in=sites).order_by("site__name")[: limit + 1])
    if len(found) > limit:
        model_admin.message_user(request, f"Choose at most {limit} sites at once.", messages.WARNING)
        return None
    if not found:
        model_admin.message_user(request, "None of these sites was ever provisioned.", messages.WARNING)
        return None
    return found


def _age(conduit: Conduit, name: str, changed: Any) -> str:
    days = key_ages(conduit, timezone.now())[name]
    return f"changed at {changed:%Y-%m-%d %H:%M} UTC, {days} days ago"
