"""The six roles Sightline ships with: the start of an admin's own list, not a law.

Scopes follow the separation of duties: who runs accounts or reads the trail sees no process data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from relay_bridge.contract.scopes import format_scopes


class ShippedRole(NamedTuple):
    """``default_days``: how long a grant of this role lasts when nobody says otherwise.

    ``requires_second_factor`` is written down for the sign-in that will ask for one; nothing enforces it yet.
    """

    name: str
    slug: str
    scopes: frozenset[str]
    default_days: int
    requires_second_factor: bool


_SEE = frozenset({"status:read", "data:live", "data:history", "alarm:read"})
_OPERATE = _SEE | {"alarm:ack", "note:write", "setpoint:write"}

# 90 days for roles that only look, 30 for roles that change something at the plant.
SHIPPED_ROLES: tuple[ShippedRole, ...] = (
    ShippedRole("viewer", "viewer", _SEE, 90, False),
    ShippedRole("field operator", "field-operator", _OPERATE, 30, True),
    ShippedRole("shift supervisor", "shift-supervisor", _OPERATE | {"alarm:shelve", "command:execute"}, 30, True),
    ShippedRole(
        "maintenance engineer",
        "maintenance-engineer",
        _SEE | {"alarm:shelve", "note:write", "diag:read"},
        30,
        True,
    ),
    ShippedRole("site administrator", "site-administrator", frozenset({"status:read", "diag:read"}), 90, True),
    ShippedRole("auditor", "auditor", frozenset({"status:read", "audit:read"}), 90, False),
)


def seed_roles(role_model: Any) -> None:
    """Add the shipped roles that do not exist yet; an edited role is left as the admin made it."""
    for role in SHIPPED_ROLES:
        role_model.objects.get_or_create(
            slug=role.slug,
            defaults={
                "name": role.name,
                "scopes": format_scopes(role.scopes),
                "default_days": role.default_days,
                "requires_second_factor": role.requires_second_factor,
            },
        )
