"""The site token's claims: a short signed statement, minted from a live grant, that opens one site.

RFC 9068 JWT access token (``typ`` = ``at+jwt``) bound to the inner TLS client certificate (RFC 8705, 3.1:
``cnf`` / ``x5t#S256``). The web app mints (accounts/issuer), the agent verifies (relay_bridge/agent/admission);
this file holds what both must agree on.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from relay_bridge.contract.scopes import parse_scopes

TYP = "at+jwt"
ALGORITHMS: tuple[str, ...] = ("Ed25519", "ES256")  # RFC 9864 names; nothing else is ever accepted
MAX_TOKEN = 4096  # bytes
MAX_LIFE = 300  # seconds, exp - iat; the agent refuses longer ones whatever the issuer says
READ_LIFE = 120  # seconds
WRITE_LIFE = 30  # seconds, and single use
CLOCK_SKEW = 30  # seconds, allowed on nbf and exp
# How a person proved who they are (``acr``, RFC 9068, 2.2.1): something they know; a second factor; one that cannot be
# phished (a passkey).
ACR_PASSWORD, ACR_SECOND_FACTOR, ACR_PASSKEY = "pwd", "mfa", "phr"
ACRS_FOR_WRITES: frozenset[str] = frozenset({ACR_SECOND_FACTOR, ACR_PASSKEY})
PROOF_LIFE = 300  # seconds since ``auth_time`` that a second factor is good for a write


class Confirmation(msgspec.Struct, frozen=True):
    """RFC 7800 ``cnf``: the SHA-256 thumbprint of the certificate that may use the token."""

    x5t_s256: str = msgspec.field(name="x5t#S256")


class SiteTokenClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Claims of a site token. Times are whole seconds since the epoch (RFC 7519 NumericDate).

    ``gid`` and ``gep``: the grant and its epoch; the agent remembers the highest epoch of each grant and
    refuses lower ones. ``acr``, ``amr`` (RFC 8176) and ``auth_time`` say how and when the person last proved to be who
    they are. ``authorization_details`` (RFC 9396) only for writes: contract/authorization_details.py.
    """

    iss: str
    aud: str
    sub: str
    client_id: str
    iat: int
    nbf: int
    exp: int
    jti: str
    scope: str
    gid: str
    gep: int
    cnf: Confirmation
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int = 0
    authorization_details: tuple[dict[str, Any], ...] = ()

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes as a set; ``ValueError`` when one is not in the closed list."""
        return parse_scopes(self.scope)


def certificate_thumbprint(der: bytes) -> str:
    """``x5t#S256`` of a certificate: unpadded base64url of the SHA-256 of its DER bytes (RFC 8705, 3.1)."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii")
