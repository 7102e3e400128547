"""What is recorded of accounts, administration rights and roles, whoever changes them and through whichever door."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models.signals import m2m_changed

from accounts.audit.changes import Before, note, watch
from accounts.audit.recording import person_subject

_ACCOUNT = ("username", "first_name", "last_name", "email", "is_contractor")
_POWERS = ("is_staff", "is_superuser")
_ROLE = ("name", "slug", "scopes", "default_days", "longest_days", "requires_second_factor")
_ACTIONS = {"post_add": "added", "post_remove": "removed", "pre_clear": "cleared"}
MAX_NAMED = 8  # permissions or groups named in one event; more are counted


def connect() -> None:
    from accounts.models import Role  # noqa: PLC0415 - models exist only from here on

    user = get_user_model()
    watch(
        user,
        (*_ACCOUNT, *_POWERS, "is_active", "password"),
        added=_person_added,
        changed=_person_changed,
        deleted=lambda person: note("person:account:deleted", subject=person_subject(person)),
    )
    watch(
        Role,
        _ROLE,
        added=lambda role: note("role:row:added", subject=role.slug, facts={"scopes": role.scopes}),
        changed=_role_changed,
        deleted=lambda role: note("role:row:deleted", subject=role.slug),
    )
    watch(
        Group,
        ("name",),
        added=lambda group: note("group:row:added", subject=group.name),
        changed=lambda group, _names, before: note(
            "group:row:changed", subject=group.name, facts={"from": before["name"]}
        ),
        deleted=lambda group: note("group:row:deleted", subject=group.name),
    )
    m2m_changed.connect(_powers_changed, sender=user.groups.through, dispatch_uid="audit.groups")
    m2m_changed.connect(_powers_changed, sender=user.user_permissions.through, dispatch_uid="audit.permissions")
    m2m_changed.connect(_group_changed, sender=Group.permissions.through, dispatch_uid="audit.group_permissions")


def _person_added(person: Any) -> None:
    note("person:account:added", subject=person_subject(person))
    powers = " ".join(name for name in _POWERS if getattr(person, name))
    if powers:
        note("person:administration:changed", subject=person_subject(person), facts={"change": "on", "what": powers})


def _person_changed(person: Any, changed: frozenset[str], _before: Before) -> None:
    subject = person_subject(person)
    if "is_active" in changed:
        note("person:account:opened" if person.is_active else "person:account:closed", subject=subject)
    # At a sign-in the hash of the same password may be made anew; set_password() by a person leaves this mark.
    if "password" in changed and person._password is not None:  # noqa: SLF001 - as AbstractBaseUser.save reads it
        note("person:password:changed", subject=subject)
    for name in _POWERS:
        if name in changed:
            facts = {"change": "on" if getattr(person, name) else "off", "what": name}
            note("person:administration:changed", subject=subject, facts=facts)
    plain = [name for name in _ACCOUNT if name in changed]
    if plain:
        note("person:account:changed", subject=subject, facts={"changed": " ".join(plain)})


def _role_changed(role: Any, changed: frozenset[str], before: Before) -> None:
    facts = {"changed": " ".join(name for name in _ROLE if name in changed), "scopes": role.scopes}
    if "scopes" in changed:
        facts["before"] = before["scopes"]
    note("role:row:changed", subject=role.slug, facts=facts)


def _powers_changed(sender: Any, instance: Any, action: str, model: Any, pk_set: Any, **_facts: Any) -> None:
    if action not in _ACTIONS or (pk_set is not None and not pk_set):
        return
    if isinstance(instance, Group):  # the other end: group.user_set
        for person in get_user_model().objects.filter(pk__in=pk_set or ()):
            facts = {"change": _ACTIONS[action], "what": instance.name}
            note("person:administration:changed", subject=person_subject(person), facts=facts)
        return
    facts = {"change": _ACTIONS[action], "what": _names(model, pk_set)}
    note("person:administration:changed", subject=person_subject(instance), facts=facts)


def _group_changed(sender: Any, instance: Any, action: str, model: Any, pk_set: Any, **_facts: Any) -> None:
    if action not in _ACTIONS or (pk_set is not None and not pk_set):
        return
    facts = {"change": _ACTIONS[action], "permissions": _names(model, pk_set)}
    note("group:permissions:changed", subject=str(getattr(instance, "name", instance)), facts=facts)


def _names(model: Any, keys: Any) -> str:
    if keys is None:
        return "all"
    rows = list(model.objects.filter(pk__in=keys)[:MAX_NAMED])
    names = [getattr(row, "codename", None) or str(row) for row in rows]
    more = len(keys) - len(rows)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
