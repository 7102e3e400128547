"""The agent's own key and certificate, made on the plant's machine: the private half never leaves it."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from relay_bridge.contract.enrolment import seal_info
from relay_bridge.contract.tokens import certificate_thumbprint

LIFE = dt.timedelta(days=730)  # as the web app's own: both ends stop talking when it is over
CLOCK_ALLOWANCE = dt.timedelta(hours=1)  # the web app's clock may be behind this machine's


@dataclass(frozen=True)
class AgentIdentity:
    """A P-256 key and the certificate that signs itself. ``thumbprint`` is x5t#S256 (RFC 8705, 3.1).

    ``seal`` is a second key, for what is sent to the agent during the enrolment; it is forgotten afterwards.
    """

    certificate: str
    thumbprint: str
    ends: dt.datetime
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    seal: x25519.X25519PrivateKey = field(repr=False)

    @property
    def seal_key(self) -> str:
        return _base64(self.seal.public_key().public_bytes_raw())

    def unseal(self, sealed: str, collect_id: str) -> str:
        """What was sealed for this agent and this enrolment; ``ValueError`` for anything else (RFC 9180, base mode)."""
        suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
        try:
            data = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            return suite.decrypt(data, self.seal, seal_info(collect_id, self.thumbprint)).decode("utf-8")
        except (InvalidTag, ValueError):
            raise ValueError("it was not sealed for this agent") from None

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    def sign(self, data: bytes) -> str:
        """ECDSA with SHA-256, DER, base64url without padding."""
        return _base64(self.key.sign(data, ec.ECDSA(hashes.SHA256())))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def make_identity(now: dt.datetime) -> AgentIdentity:
    """A new key, and a certificate that is good from an hour before ``now`` for two years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sightline agent")])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_ALLOWANCE)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return AgentIdentity(
        certificate=certificate.public_bytes(Encoding.PEM).decode("ascii"),
        thumbprint=certificate_thumbprint(certificate.public_bytes(Encoding.DER)),
        ends=certificate.not_valid_after_utc,
        key=key,
        seal=x25519.X25519PrivateKey.generate(),
    )
