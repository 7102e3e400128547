"""What kinds of client there are, and which redirect addresses a client may register. No database here."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

CODE = "authorization-code"  # the toolkit's own names of grant types
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CLIENT_CREDENTIALS = "client-credentials"
CONFIDENTIAL, PUBLIC = "confidential", "public"
MAX_REDIRECTS = 5
MAX_REDIRECT = 300  # characters of one address
_LOOPBACK = re.compile(r"(?P<host>http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(?P<path>(?:/[!-~]*)?)\Z")


class Kind(NamedTuple):
    """``client_type`` and ``grant_type`` as the toolkit stores them."""

    words: str
    client_type: str
    grant_type: str


KINDS: dict[str, Kind] = {
    "native": Kind("An app on a person's device (public, code with PKCE)", PUBLIC, CODE),
    "web": Kind("A web application with a server (confidential, code with PKCE)", CONFIDENTIAL, CODE),
    "tablet": Kind("One shared tablet (public, device authorization, looks only)", PUBLIC, DEVICE),
    "service": Kind("A program without a person (confidential, client credentials)", CONFIDENTIAL, CLIENT_CREDENTIALS),
}


def kind_of(client_type: str, grant_type: str) -> str:
    """The kind's name; empty for what is none of them, such as the web app's own application."""
    for name, kind in KINDS.items():
        if (kind.client_type, kind.grant_type) == (client_type, grant_type):
            return name
    return ""


def is_loopback_redirect(uri: str) -> bool:
    """Whether ``uri`` is http to an IP address of this very machine; ``localhost`` is a name and can be elsewhere."""
    try:
        parts = urlsplit(uri)
        _ = parts.port  # ValueError beyond 65535
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def refuse_redirect(uri: str, *, native: bool) -> str:
    """Why ``uri`` cannot be registered, as a sentence; empty when it can. Matching is exact later (RFC 9700, 2.1)."""
    if len(uri) > MAX_REDIRECT or not uri.isascii() or not uri.isprintable():
        return f"A redirect address has at most {MAX_REDIRECT} plain characters."
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return f"{uri} is no address."
    if not parts.hostname or "@" in parts.netloc or "#" in uri or "*" in uri or "\\" in uri or port == 0:
        return f"{uri} must be a full address without user name, fragment, backslash or *."
    if parts.scheme == "https":
        return ""
    if native and is_loopback_redirect(uri):
        return ""
    return f"{uri} must begin with https://" + (", or be http://127.0.0.1 or http://[::1]." if native else ".")


def is_registered_redirect(uri: str, registered: list[str]) -> bool:
    """Whether ``uri`` is one of ``registered``, character by character (RFC 9700, 2.1).

    A native app's own machine may be named with any port: it listens at whichever is free (RFC 8252, 7.3).
    """
    if uri in registered:
        return True
    loopback = _LOOPBACK.match(uri)
    if loopback is None or not is_loopback_redirect(uri):
        return False
    without_port = loopback["host"] + loopback["path"]
    return any(
        known["host"] + known["path"] == without_port for known in map(_LOOPBACK.match, registered) if known is not None
    )


def redirect_origin(uri: str) -> str:
    """Scheme, host and port: what the consent page's policy must let its form be answered from."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"
