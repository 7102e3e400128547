"""Ends other applications' access with the person's own: a new password, lost factors, a stricter role."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models.signals import post_delete, post_save

FACTOR_WANTED = "The person must show a second factor now, and had none."
FACTORS_RESET = "The person's second factors were taken away."


def connect() -> None:
    from allauth.mfa.models import Authenticator  # noqa: PLC0415 - models exist only once the apps are loaded

    from accounts.factors import factors_reset  # noqa: PLC0415
    from accounts.models import Role  # noqa: PLC0415

    post_delete.connect(_factor_gone, sender=Authenticator, dispatch_uid="oauth.endings.factor")
    factors_reset.connect(_factors_reset, dispatch_uid="oauth.endings.reset")
    post_save.connect(_role_saved, sender=Role, dispatch_uid="oauth.endings.role")
    post_save.connect(_user_saved, sender=get_user_model(), dispatch_uid="oauth.endings.user")


def _user_saved(instance: Any, created: bool, **_facts: Any) -> None:
    if created:
        return
    from accounts.oauth.authorizations import end_all  # noqa: PLC0415 - models exist only once the apps are loaded

    if not instance.is_active:
        end_all("The person's account was disabled.", user=instance)
    elif instance.is_superuser:
        end_all("The person became a superuser.", user=instance)
    elif getattr(instance, "_password", None) is not None:  # set_password() leaves it until the row is saved
        end_all("The person's password was changed.", user=instance)


def _factor_gone(instance: Any, **_facts: Any) -> None:
    """Whoever lost a second factor may have lost the browser that allowed things as well."""
    from accounts.factors import FACTORS, has_second_factor  # noqa: PLC0415 - models exist only once the apps are loaded
    from accounts.oauth.authorizations import end_all  # noqa: PLC0415

    if instance.type not in FACTORS:
        return  # recovery codes are made anew, and go with the last factor
    left = has_second_factor(instance.user)
    reason = "A second factor of the person was taken away." if left else FACTORS_RESET
    end_all(reason, user_id=instance.user_id)


def _role_saved(created: bool, raw: bool = False, **_facts: Any) -> None:
    """A role that was changed may need a second factor now: what was allowed without one ends like those sign-ins."""
    if not created and not raw:
        transaction.on_commit(end_what_was_allowed_without_factor)


def end_what_was_allowed_without_factor() -> int:
    """End what people allowed who have no second factor and need one; answers how many. Programs have no factors."""
    from accounts.factors import has_second_factor, needs_second_factor  # noqa: PLC0415
    from accounts.oauth.authorizations import end_all  # noqa: PLC0415
    from accounts.oauth.models import SiteAuthorization  # noqa: PLC0415

    allowed = SiteAuthorization.objects.filter(ended_at=None).exclude(how=SiteAuthorization.How.CLIENT)
    people = get_user_model().objects.filter(pk__in=allowed.values("user_id"))
    weak = [person.pk for person in people if not has_second_factor(person) and needs_second_factor(person)]
    return end_all(FACTOR_WANTED, pk__in=allowed.filter(user_id__in=weak).values("pk")) if weak else 0


def _factors_reset(person: Any, **_facts: Any) -> None:
    """Also of somebody who had none any more."""
    from accounts.oauth.authorizations import end_all  # noqa: PLC0415 - models exist only once the apps are loaded

    end_all(FACTORS_RESET, user=person)
