"""Groups of a company sign-on in the administration pages: a superuser says what role a group means at which site."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import SuperusersChange
from hmi.sites.company_groups import CompanyGroup


@admin.register(CompanyGroup)
class CompanyGroupAdmin(SuperusersChange):
    list_display = ("company", "group", "role", "site")
    list_filter = ("company", "site", "role")
    list_select_related = ("role", "site")
    search_fields = ("group", "role__name", "site__name")
    autocomplete_fields = ("role",)
