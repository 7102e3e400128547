"""By what the list of grants is narrowed: what they are now, and whether the person works for another company."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from hmi.sites.grants import SOON, Approval, Grant


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("live", "live"),
            ("soon", "ends within 7 days"),
            ("pending", "waits for approval"),
            ("later", "starts later"),
            ("over", "over, revoked or refused"),
        ]

    def queryset(self, request: HttpRequest, grants: QuerySet[Grant]) -> QuerySet[Grant]:
        now = timezone.now()
        live = Grant.objects.live(now).values("pk")
        match self.value():
            case "live":
                return grants.filter(pk__in=live)
            case "soon":
                return grants.filter(pk__in=live, valid_until__lte=now + SOON)
            case "pending":
                return grants.filter(pk__in=Grant.objects.pending(now).values("pk"))
            case "later":
                return grants.filter(valid_from__gt=now, revoked_at__isnull=True).exclude(approval=Approval.PENDING)
            case "over":
                return grants.filter(Q(valid_until__lte=now) | Q(revoked_at__isnull=False))
        return grants
