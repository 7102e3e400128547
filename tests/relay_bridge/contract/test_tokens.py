"""What both ends must agree on about a site token."""

from __future__ import annotations

import hashlib

import msgspec
import pytest

from relay_bridge.contract.tokens import (
    CLOCK_SKEW,
    MAX_LIFE,
    READ_LIFE,
    WRITE_LIFE,
    Confirmation,
    SiteTokenClaims,
    certificate_thumbprint,
)

CLAIMS = SiteTokenClaims(
    iss="https://hmi.example.com", aud="https://hmi.example.com/sites/north", sub="s", client_id="hmi", iat=1, nbf=1,
    exp=121, jti="j", scope="data:live alarm:read", gid="g", gep=3, cnf=Confirmation("T"),
)  # fmt: skip


def test_claims_carry_their_registered_names() -> None:
    assert msgspec.json.decode(msgspec.json.encode(CLAIMS)) == {
        "iss": "https://hmi.example.com", "aud": "https://hmi.example.com/sites/north", "sub": "s", "client_id": "hmi",
        "iat": 1, "nbf": 1, "exp": 121, "jti": "j", "scope": "data:live alarm:read", "gid": "g", "gep": 3,
        "cnf": {"x5t#S256": "T"},
    }  # fmt: skip


def test_claims_survive_the_wire_and_know_their_scopes() -> None:
    again = msgspec.json.decode(msgspec.json.encode(CLAIMS), type=SiteTokenClaims)
    assert again == CLAIMS and again.scopes == {"data:live", "alarm:read"}


def test_unknown_claims_and_scopes_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(CLAIMS)[:-1] + b',"admin":true}', type=SiteTokenClaims)
    with pytest.raises(ValueError, match="unknown scope"):
        _ = msgspec.structs.replace(CLAIMS, scope="data:live everything").scopes


def test_thumbprint_is_unpadded_base64url_of_sha256() -> None:
    # RFC 8705, 3.1: 32 bytes are 43 characters without padding.
    der = b"certificate"
    found = certificate_thumbprint(der)
    assert len(found) == 43 and "=" not in found
    assert found == _reference(der)


def _reference(der: bytes) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = int.from_bytes(hashlib.sha256(der).digest(), "big") << 2  # 256 bits and two to make 43 sextets
    return "".join(alphabet[number >> shift & 63] for shift in range(42 * 6, -1, -6))


def test_lives_fit_into_each_other() -> None:
    assert WRITE_LIFE < READ_LIFE < MAX_LIFE
    assert CLOCK_SKEW <= WRITE_LIFE
