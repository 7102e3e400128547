"""django-oauth-toolkit's view of the closed list: what exists, and what another application may ask for.

Other applications only ever look (writing is not offered to them), and get nothing they did not name.
"""

from __future__ import annotations

from typing import Any

from oauth2_provider.scopes import BaseScopes

from relay_bridge.contract.scopes import SCOPES

# What an application other than the web app itself may be given. First-party access does not come this way:
# accounts.first_party writes its rows from the role.
OFFERED_SCOPES: tuple[str, ...] = ("status:read", "data:live", "data:history", "alarm:read")
# A shared tablet shows the present to whoever stands before it: no archive to page through.
TABLET_SCOPES: tuple[str, ...] = ("status:read", "data:live", "alarm:read")
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def offered_scopes(application: Any) -> tuple[str, ...]:
    """What this application may ask for at most."""
    if application is not None and application.authorization_grant_type == _DEVICE_GRANT:
        return TABLET_SCOPES
    return OFFERED_SCOPES


class ClosedScopes(BaseScopes):
    def get_all_scopes(self) -> dict[str, str]:
        return dict(SCOPES)

    def get_available_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        return list(offered_scopes(application))

    def get_default_scopes(self, *args: Any, **kwargs: Any) -> list[str]:
        return []
