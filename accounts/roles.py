"""The six roles Sightline ships with: the start of an admin's own list, not a law.

Scopes follow the separation of duties: who runs accounts or reads the trail sees no process data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    ShippedRole("viewer", "viewer", _SEE, 90, False, 366),
    ShippedRole("field operator", "field-operator", _OPERATE, 30, True, 92),
    ShippedRole("shift supervisor", "shift-supervisor", _OPERATE | {"alarm:shelve", "command:execute"}, 30, True, 92),
    ShippedRole(
        "maintenance engineer",
        "maintenance-engineer",
        _SEE | {"alarm:shelve", "note:write", "diag:read"},
        30,
        True,
        92,
    ),
    ShippedRole("site administrator", "site-administrator", frozenset({"status:read", "diag:read"}), 90, True, 366),
    ShippedRole("auditor", "auditor", frozenset({"status:read", "audit:read"}), 90, False, 366),
)


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
