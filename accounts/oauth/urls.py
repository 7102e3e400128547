"""Addresses of OAuth for others. The well-known ones lie at the root, where clients look for them."""

from __future__ import annotations

from django.urls import path

from accounts.oauth import connections, consent, devices, endpoints, metadata

app_name = "oauth"
urlpatterns = [
    path("oauth/", connections.connections, name="connections"),
    path("oauth/<uuid:authorization>/end/", connections.end_connection, name="end-connection"),
    path("oauth/authorize/", consent.authorize, name="authorize"),
    path("oauth/device/", devices.device, name="device"),
    path("oauth/device-authorization/", devices.ask, name="device-authorization"),
    path("oauth/token/", endpoints.token, name="token"),
    path("oauth/revoke/", endpoints.revoke, name="revoke"),
    path("oauth/introspect/", endpoints.introspect, name="introspect"),
    path(".well-known/oauth-authorization-server", metadata.authorization_server, name="authorization-server"),
    path(
        ".well-known/oauth-protected-resource/api/v1", metadata.protected_resource, name="protected-resource"
    ),  # RFC 9728, 3.1: the resource's path comes after
]
