"""The app's start: what must happen whenever people, passwords or the database change, whoever changes them."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_delete, post_migrate, post_save, pre_save


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "People and roles"

    def ready(self) -> None:
        from axes.models import AccessAttempt  # noqa: PLC0415 - models exist only now

        from accounts import checks, sessions, sign_in_limits  # noqa: F401, PLC0415 - checks register themselves

        user_logged_in.connect(sessions.start_clock, dispatch_uid="accounts.sessions.start_clock")
        pre_save.connect(sign_in_limits.forget_forms, sender=AccessAttempt, dispatch_uid="accounts.forget_forms")
        post_delete.connect(_end_sessions, sender=self.get_model("User"), dispatch_uid="accounts.end_sessions")
        post_save.connect(_ask_more, sender=self.get_model("Role"), dispatch_uid="accounts.ask_more")
        post_migrate.connect(_seed_empty_roles, sender=self, dispatch_uid="accounts.seed_empty_roles")


def _end_sessions(sender: Any, instance: Any, **kwargs: Any) -> None:
    from accounts.sessions import end_sessions_of  # noqa: PLC0415 - models exist only now

    end_sessions_of(instance)


def _ask_more(sender: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """A role that was changed may need a second factor now, which sign-ins from before did not show."""
    from accounts.factors import end_weak_sessions  # noqa: PLC0415 - models exist only now

    if not created and not raw:  # nobody holds a new one yet
        transaction.on_commit(end_weak_sessions)


def _seed_empty_roles(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """A database without a single role opens nothing for anybody: after `flush` it gets the shipped ones again."""
    from accounts.roles import seed_roles  # noqa: PLC0415 - only needed here

    role_model: Any = sender.get_model("Role")
    if not role_model.objects.using(using).exists():
        seed_roles(role_model)
