"""The issuer: makes the short signed statements (site tokens) that a site accepts. Keys: keys.py; rules: mint.py."""

from accounts.issuer.keys import SigningKeyError, create_signing_key, load_signing_key, public_jwks
from accounts.issuer.mint import MintRefused, mint_site_token

__all__ = [
    "MintRefused",
    "SigningKeyError",
    "create_signing_key",
    "load_signing_key",
    "mint_site_token",
    "public_jwks",
]
