"""System check: the toolkit's settings on which the rules of this package rest."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register
from oauth2_provider.settings import oauth2_settings

MUST: dict[str, Any] = {
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "PKCE_REQUIRED": True,
    "OIDC_ENABLED": False,
    "DCR_ENABLED": False,
    "CIMD_ENABLED": False,
    "RESOURCE_SERVER_INTROSPECTION_URL": None,
}


@register()
def toolkit_is_strict(**kwargs: Any) -> list[CheckMessage]:
    """Refuse to start with a setting that opens what this package promises to keep shut."""
    return [
        Error(
            f"OAUTH2_PROVIDER[{name!r}] is {getattr(oauth2_settings, name)!r}, but it must be {value!r}.",
            hint="Leave the block OAUTH2_PROVIDER of hmi/settings.py as it is.",
            id="oauth.E001",
        )
        for name, value in MUST.items()
        if getattr(oauth2_settings, name) != value
    ]
