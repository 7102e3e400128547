"""The shipped roles and their scopes as the table in docs/access.md; a test compares the two.

python manage.py role_table
"""

from __future__ import annotations

from accounts.roles import SHIPPED_ROLES
from relay_bridge.contract.scopes import SCOPES


def role_table() -> str:
    """Markdown: a row for each scope of the closed list, a column for each shipped role; ends without a line break."""
    rows = [
        ["scope", "what it opens", *(role.name for role in SHIPPED_ROLES)],
        ["---"] * (2 + len(SHIPPED_ROLES)),
        *(
            [f"`{scope}`", meaning, *("x" if scope in role.scopes else "" for role in SHIPPED_ROLES)]
            for scope, meaning in SCOPES.items()
        ),
        ["days of a grant", "unless its giver says otherwise", *(str(role.default_days) for role in SHIPPED_ROLES)],
        ["days at most", "", *(str(role.longest_days) for role in SHIPPED_ROLES)],
        [
            "second factor",
            "whatever the setting says for others",
            *("x" if role.requires_second_factor else "" for role in SHIPPED_ROLES),
        ],
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
