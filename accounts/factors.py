"""Second factors: who needs one, who has one, and taking all of them away from somebody who lost them.

Who needs one is a policy over roles. Which roles somebody holds is known to the app of the sites, which tells it here
(``roles_are_found_by``): this app knows no site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.dispatch import Signal

from accounts import audit
from accounts.assurance import read_assurance
from accounts.sessions import end_sessions, end_sessions_of, find_sessions

# Values of settings.SECOND_FACTOR (SIGHTLINE_SECOND_FACTOR).
ALWAYS = "always"  # everybody
WRITE = "write"  # roles that change something at the plant, roles marked so, and administrators
OFF = "off-on-loopback"  # nobody; accepted by the settings on this machine's loopback only

# Whoever can silence an alarm or move the plant shows two factors, whatever the setting says for the others.
STRONG_SCOPES = frozenset({"setpoint:write", "command:execute", "alarm:ack", "alarm:shelve"})
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes stand in for one, they are none

factors_reset = Signal()  # sent with ``person`` when all factors were taken away, also when there were none

RoleFinder = Callable[[Any], Iterable[Any]]
_find_roles: RoleFinder | None = None


def roles_are_found_by(find: RoleFinder) -> None:
    """Say how to find the roles that a person holds anywhere right now."""
    global _find_roles  # noqa: PLW0603 - set once, when the apps are ready
    _find_roles = find


def role_needs_second_factor(role: Any) -> bool:
    """Whether a sign-in needs two factors to use a grant of ``role``. A role that cannot be read needs them."""
    if settings.SECOND_FACTOR == OFF:
        return False
    if settings.SECOND_FACTOR != WRITE or role.requires_second_factor:
        return True
    try:
        return bool(role.scope_set & STRONG_SCOPES)
    except ValueError:
        return True


def needs_second_factor(person: Any) -> bool:
    """Whether ``person`` must show a second factor to sign in."""
    if settings.SECOND_FACTOR == OFF:
        return False
    if settings.SECOND_FACTOR != WRITE or person.is_staff or person.is_superuser:
        return True
    if _find_roles is None:
        return True  # nobody said how to know: the answer that cannot be wrong
    return any(role_needs_second_factor(role) for role in _find_roles(person))


def session_may_use(session: Any, role: Any) -> bool:
    """Whether a grant of ``role`` opens anything to this session: two factors where the role needs them.

    ``session`` is None where there is no session (a command, a test of the layer below), and nothing is asked then.
    """
    return session is None or not role_needs_second_factor(role) or read_assurance(session).has_two_factors


def has_second_factor(person: Any) -> bool:
    """Whether ``person`` has a passkey or an authenticator app."""
    return person.pk is not None and Authenticator.objects.filter(user_id=person.pk, type__in=FACTORS).exists()


def factors_of(person: Any) -> list[Authenticator]:
    """The person's passkeys and authenticator app, oldest first."""
    return list(Authenticator.objects.filter(user_id=person.pk, type__in=FACTORS).order_by("created_at", "pk"))


@transaction.atomic
def remove_factor(person: Any, factor: Authenticator) -> None:
    """Delete one factor, and the recovery codes with the last one."""
    factor.delete()
    if not has_second_factor(person):
        Authenticator.objects.filter(user_id=person.pk).delete()


@transaction.atomic
def reset_factors(person: Any, *, actor: Any = None, request: Any = None) -> int:
    """Take all factors and recovery codes away and sign the person out everywhere; returns how many factors went.

    For a lost phone. The next sign-in with the password leads to setting up a new one, so whoever asks for this must
    be known to be the person (ASVS 5.0, V6.4.4).
    """
    count = len(factors_of(person))
    Authenticator.objects.filter(user_id=person.pk).delete()
    factors_reset.send(sender=None, person=person)
    ended = end_sessions_of(person)
    audit.record(
        "person:factor:reset",
        actor=actor,
        result="done",
        subject=str(person.subject),
        request=request,
        facts={"factors": str(count), "sessions": str(ended)},
    )
    return count


def end_weak_sessions() -> int:
    """End every session that no longer satisfies the policy, after a role was changed; returns how many."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - models exist only once the apps are loaded

    if settings.SECOND_FACTOR == OFF:
        return 0
    weak: dict[str, list[str]] = {}
    for found in find_sessions():
        if not read_assurance(found.values).has_two_factors:
            weak.setdefault(found.user_id, []).append(found.key)
    people = get_user_model().objects.filter(pk__in=weak)
    return end_sessions(key for person in people if needs_second_factor(person) for key in weak[str(person.pk)])
