"""The six roles Sightline ships with: the start of an admin's own list, not a law.

Scopes follow the separation of duties: who runs accounts or reads the trail sees no process data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.translation import gettext as translated
from django.utils.translation import gettext_noop

from relay_bridge.contract.scopes import format_scopes


class ShippedRole(NamedTuple):
    """``default_days``: how long a grant of this role lasts when nobody says otherwise; ``longest_days``: at most.

    ``requires_second_factor``: its holders show two factors, also where the setting leaves others alone.
    """

    name: str
    slug: str
    scopes: frozenset[str]
    default_days: int
    requires_second_factor: bool
    longest_days: int


_SEE = frozenset({"status:read", "data:live", "data:history", "alarm:read"})
_OPERATE = _SEE | {"alarm:ack", "note:write", "setpoint:write"}

# 90 days for roles that only look, 30 for roles that change something at the plant; at most a year, a quarter.
SHIPPED_ROLES: tuple[ShippedRole, ...] = (
    ShippedRole(gettext_noop("viewer"), "viewer", _SEE, 90, False, 366),
    ShippedRole(gettext_noop("field operator"), "field-operator", _OPERATE, 30, True, 92),
    ShippedRole(
        gettext_noop("shift supervisor"),
        "shift-supervisor",
        _OPERATE | {"alarm:shelve", "command:execute"},
        30,
        True,
        92,
    ),
    ShippedRole(
        gettext_noop("maintenance engineer"),
        "maintenance-engineer",
        _SEE | {"alarm:shelve", "note:write", "diag:read"},
        30,
        True,
        92,
    ),
    ShippedRole(
        gettext_noop("site administrator"),
        "site-administrator",
        frozenset({"status:read", "diag:read"}),
        90,
        True,
        366,
    ),
    ShippedRole(gettext_noop("auditor"), "auditor", frozenset({"status:read", "audit:read"}), 90, False, 366),
)

_SHIPPED_NAMES = frozenset(role.name for role in SHIPPED_ROLES)


def role_words(name: str) -> str:
    """A role's name as a person reads it: a shipped one in the language spoken now, an administrator's own as it is."""
    return translated(name) if name in _SHIPPED_NAMES else name


def seed_roles(role_model: Any) -> None:
    """Add the shipped roles that do not exist yet; an edited role is left as the admin made it."""
    has_longest = hasattr(role_model, "longest_days")  # the first migration's role has none
    for role in SHIPPED_ROLES:
        defaults: dict[str, Any] = {
            "name": role.name,
            "scopes": format_scopes(role.scopes),
            "default_days": role.default_days,
            "requires_second_factor": role.requires_second_factor,
        }
        if has_longest:
            defaults["longest_days"] = role.longest_days
        role_model.objects.get_or_create(slug=role.slug, defaults=defaults)
