"""The admin of sites, and the place where Django finds the rest: grants, requests for them, people, conduits."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from hmi.sites import access_request_admin, grant_admin, person_admin
from hmi.sites.conduit_admin import ConduitActions, ConduitInline
from hmi.sites.enrolment_admin import EnrolmentActions
from hmi.sites.label_admin import LabelActions
from hmi.sites.models import Site

__all__ = ["SiteAdmin", "access_request_admin", "grant_admin", "person_admin"]


@admin.register(Site)
class SiteAdmin(ConduitActions, EnrolmentActions, LabelActions, admin.ModelAdmin):
    list_display = ("name", "slug", "time_zone", "enabled", "created")
    list_filter = ("enabled", "time_zone")
    search_fields = ("name", "slug")
    date_hierarchy = "created"
    readonly_fields = ("slug", "created", "labels")
    inlines = (ConduitInline,)
    actions = ("count_listeners", "rotate_send_key", "make_enrolment_code", "print_labels")

    @admin.display(description="Labels")
    def labels(self, site: Site) -> str:
        address = reverse("admin:sites_site_labels", args=[site.pk])
        return format_html('<a href="{}">Print labels for tanks and units</a>', address)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # see ConduitInline

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # switch it off, or manage.py cut_off_site: who could see what stays readable
