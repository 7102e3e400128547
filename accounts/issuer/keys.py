"""One signing key of the issuer as a JWK (RFC 7517): made, read, and its public half. The ring of them: key_ring.py.

Sites pin the public half at onboarding, so whoever reads a private one can speak for every person at every site.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from relay_bridge.contract.tokens import ALGORITHMS

Key = OKPKey | ECKey
DEFAULT_ALGORITHM = "Ed25519"  # RFC 9864; the older name EdDSA says less and is not used
# The public members by name, for each algorithm: nothing private slips in with a new field of the library.
_PUBLIC_MEMBERS = {"Ed25519": ("kty", "crv", "x"), "ES256": ("kty", "crv", "x", "y")}
_CURVES = {"Ed25519": "Ed25519", "P-256": "ES256"}


class SigningKeyError(Exception):
    """The issuer's keys cannot be used; the message says what to do about it."""


def generate_key(algorithm: str = DEFAULT_ALGORITHM) -> Key:
    """A new private key for ``algorithm``, ``Ed25519`` or ``ES256``; its ``kid`` is its thumbprint (RFC 7638)."""
    if algorithm not in ALGORITHMS:
        raise SigningKeyError(f"A signing key is made for {' or '.join(ALGORITHMS)}, not for {algorithm!r}.")
    key: Key = OKPKey.generate_key("Ed25519") if algorithm == "Ed25519" else ECKey.generate_key("P-256")
    return parse_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def parse_key(document: Any) -> Key:
    """A private key from its JWK; ``SigningKeyError`` when it is none. Messages never quote the key."""
    try:
        key: Key = OKPKey.import_key(document) if document["kty"] == "OKP" else ECKey.import_key(document)
        fit = key.curve_name in _CURVES and key.is_private and bool(key.kid)
        _ = key.public_key  # read now: a damaged key must not show at the first token
    except (ValueError, TypeError, AttributeError, KeyError, JoseError) as error:
        raise SigningKeyError(f"there is no Ed25519 or P-256 key in JWK form ({type(error).__name__})") from None
    if not fit:
        raise SigningKeyError("every key must be a private Ed25519 or P-256 key with a kid")
    return key


def algorithm_of(key: Key) -> str:
    """The one algorithm a key is for."""
    return _CURVES[key.curve_name]


def private_jwk(key: Key) -> dict[str, Any]:
    return {**key.as_dict(private=True), "kid": key.kid, "use": "sig", "alg": algorithm_of(key)}


def public_jwk(key: Key) -> dict[str, Any]:
    """The public half as a site pins it."""
    algorithm = algorithm_of(key)
    everything: Mapping[str, Any] = key.as_dict(private=False)
    members = {name: everything[name] for name in _PUBLIC_MEMBERS[algorithm]}
    return {**members, "kid": key.kid, "use": "sig", "alg": algorithm}


def public_jwks(key: Key) -> dict[str, Any]:
    """The public half of one key alone as a JWK set; what sites pin is ``KeyRing.public_jwks``."""
    return {"keys": [public_jwk(key)]}
