"""The issuer: makes the short signed statements (site tokens) that a site accepts.

Keys: keys.py, key_ring.py; rules: mint.py.
"""

from accounts.issuer.key_ring import (
    KeyRing,
    Rotation,
    create_signing_key,
    current_ring,
    drop_retired,
    load_ring,
    load_signing_key,
    rotate,
)
from accounts.issuer.keys import SigningKeyError, public_jwks
from accounts.issuer.mint import MintRefused, Proof, mint_site_token

__all__ = [
    "KeyRing",
    "MintRefused",
    "Proof",
    "Rotation",
    "SigningKeyError",
    "create_signing_key",
    "current_ring",
    "drop_retired",
    "load_ring",
    "load_signing_key",
    "mint_site_token",
    "public_jwks",
    "rotate",
]
