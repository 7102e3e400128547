"""The lockout library's rows in the administration: who failed to sign in, and when. They are looked at, never changed.

Whoever could delete one could guess a password without end, and take the traces away. The one thing that can be done
about a pause is to end it: an action of its own, which the audit trail names, here for a source address and in the list
of people for an account.
"""

from __future__ import annotations

from typing import Any

import axes.admin as library
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from axes.utils import reset
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import audit
from accounts.audit.admin_changes import recorded_by_name

# Not what was typed: it is never stored (accounts.sign_in_limits.forget_forms).
_TYPED = {"get_data", "post_data"}


class OnlyLookedAt(admin.ModelAdmin):
    """No row is added, changed or deleted, by nobody; whoever holds the permission to view looks."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


for _model in (AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(AccessAttempt)
class FailedSignInAdmin(OnlyLookedAt, library.AccessAttemptAdmin):
    """Failures that count towards a pause. The library's own action deletes rows and is not offered."""

    actions = ("end_source_pause",)
    fieldsets = tuple(
        (title, options)
        for title, options in library.AccessAttemptAdmin.fieldsets
        if not _TYPED & set(options["fields"])
    )

    def has_end_permission(self, request: HttpRequest) -> bool:
        """The failures of an address may concern an administrator's account, which only superusers touch."""
        return bool(request.user.is_superuser)

    @admin.action(description="End the pause of these addresses", permissions=["end"])
    def end_source_pause(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Forget all failures of each selected row's address, whichever account they were tried on."""
        sources = sorted({row.ip_address for row in queryset if row.ip_address})
        for source in sources:
            with recorded_by_name():
                failures = reset(ip=source)
            audit.try_record(
                "source:sign-in:unlocked",
                actor=request.user,
                result="done",
                subject=source,
                request=request,
                facts={"count": str(failures)},
            )
        messages.success(request, f"People at these {len(sources)} address(es) can try to sign in again now.")


@admin.register(AccessLog)
class SignInLogAdmin(OnlyLookedAt, library.AccessLogAdmin):
    """Sign-ins and sign-outs; the housekeeping removes them after 90 days."""


@admin.register(AccessFailureLog)
class SignInFailureLogAdmin(OnlyLookedAt, library.AccessFailureLogAdmin):
    """The library's log of failures, which is off unless a setting says otherwise."""
