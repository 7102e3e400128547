"""What an enrolling agent must prove, and what is sealed for it: certificates, signatures, HPKE. No database here."""

from __future__ import annotations

import base64
import datetime as dt

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding

from relay_bridge.contract.enrolment import Claim, claim_bytes, seal_info
from relay_bridge.contract.tokens import certificate_thumbprint

CLOCK_ALLOWANCE = dt.timedelta(hours=1)
LONGEST_LIFE = dt.timedelta(days=1100)  # of an agent's certificate


class NotAccepted(Exception):  # noqa: N818 - a decision, not a fault
    """What an agent sent opens nothing. The text is the same for every reason; ``reason`` is for our own trail."""

    def __init__(self, reason: str) -> None:
        super().__init__("This is not accepted. Ask the administrator for a new enrolment code.")
        self.reason = reason


def proven(message: Claim, digest: str, origins: frozenset[str], now: dt.datetime) -> tuple[str, str]:
    """The thumbprint of the certificate whose key signed the claim, for this web app and this code, and its PEM."""
    key, certificate = public_key(message.certificate)
    if not (
        certificate.not_valid_before_utc <= now + CLOCK_ALLOWANCE
        and now < certificate.not_valid_after_utc <= now + LONGEST_LIFE
    ):
        raise NotAccepted("the certificate is not valid today, or for too long")
    _check_seal_key(message.seal_key)
    thumbprint = certificate_thumbprint(certificate.public_bytes(Encoding.DER))
    signed = (claim_bytes(origin, digest, thumbprint, message.nonce, message.seal_key) for origin in origins)
    if not any(verifies(key, message.signature, data) for data in signed):
        raise NotAccepted("the signature does not hold for this web app and this code")
    return thumbprint, certificate.public_bytes(Encoding.PEM).decode("ascii")


def public_key(pem: str) -> tuple[ec.EllipticCurvePublicKey, x509.Certificate]:
    """The P-256 key of one certificate; ``NotAccepted`` for anything else."""
    try:
        if pem.count("-----BEGIN") != 1:
            raise ValueError("one certificate is asked for")  # noqa: TRY301
        certificate = x509.load_pem_x509_certificate(pem.encode("ascii"))
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise NotAccepted("no certificate") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise NotAccepted("no P-256 key")
    return key, certificate


def seal(text: str, seal_key: str, collect_id: str, thumbprint: str) -> str:
    """For the agent alone: HPKE (RFC 9180), base mode, as relay_bridge/contract/enrolment.py says."""
    public = x25519.X25519PublicKey.from_public_bytes(_decoded(seal_key))
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
    sealed = suite.encrypt(text.encode(), public, seal_info(collect_id, thumbprint))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _check_seal_key(text: str) -> None:
    """Sealing for it must be possible later, when an administrator waits: a point of low order is refused now."""
    try:
        public = x25519.X25519PublicKey.from_public_bytes(_decoded(text))
        x25519.X25519PrivateKey.generate().exchange(public)
    except ValueError:
        raise NotAccepted("no key to seal for") from None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verifies(key: ec.EllipticCurvePublicKey, signature: str, data: bytes) -> bool:
    """ECDSA with SHA-256, as the agent signs."""
    try:
        key.verify(_decoded(signature), data, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True
