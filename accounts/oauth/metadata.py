"""What a client can learn by itself: the authorization server (RFC 8414) and the API it protects (RFC 9728).

Written out instead of asked from the toolkit: it would list grants that are not served and allow every origin.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.views.decorators.http import require_safe

from accounts.oauth.endpoints import SERVED
from accounts.oauth_scopes import OFFERED_SCOPES

API_PATH = "/api/v1"
AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


def resource_metadata_url() -> str:
    """Where the API's own description is; named in every 401 of the API (RFC 9728, 5.1)."""
    return settings.PUBLIC_URL + resolve_url("oauth:protected-resource")


def server_metadata() -> dict[str, Any]:
    def address(name: str) -> str:
        return settings.PUBLIC_URL + resolve_url(f"oauth:{name}")

    return {
        "issuer": settings.PUBLIC_URL,
        "authorization_endpoint": address("authorize"),
        "token_endpoint": address("token"),
        "device_authorization_endpoint": address("device-authorization"),
        "revocation_endpoint": address("revoke"),
        "introspection_endpoint": address("introspect"),
        "scopes_supported": list(OFFERED_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(SERVED),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*AUTH_METHODS, "none"],
        "revocation_endpoint_auth_methods_supported": [*AUTH_METHODS, "none"],
        "introspection_endpoint_auth_methods_supported": AUTH_METHODS,
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": [settings.PUBLIC_URL + API_PATH],
    }


@login_not_required
@require_safe
def authorization_server(request: HttpRequest) -> HttpResponse:
    return JsonResponse(server_metadata())


@login_not_required
@require_safe
def protected_resource(request: HttpRequest) -> HttpResponse:
    return JsonResponse(
        {
            "resource": settings.PUBLIC_URL + API_PATH,
            "authorization_servers": [settings.PUBLIC_URL],
            "scopes_supported": list(OFFERED_SCOPES),
            "bearer_methods_supported": ["header"],
            "resource_name": "Sightline read API",
        }
    )
