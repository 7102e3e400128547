"""Self-signed P-256 identities for tests, as onboarding makes them: one certificate, one key, pinned by the peer."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM text."""

    cert_pem: str
    key_pem: str = field(repr=False)
    name: str = "identity"

    def write(self, directory: Path) -> tuple[Path, Path]:
        """Write both to files in ``directory`` (the key with mode 0600) and return their paths."""
        directory.mkdir(parents=True, exist_ok=True)
        certificate, key = directory / f"{self.name}.pem", directory / f"{self.name}.key"
        certificate.write_text(self.cert_pem)
        key.touch(mode=0o600)
        key.write_text(self.key_pem)
        return certificate, key


def make_identity(
    common_name: str, *, not_after: dt.datetime | None = None, not_before: dt.datetime | None = None
) -> Identity:
    """A new identity. Each call makes another key, also for the same name."""
    now = dt.datetime.now(dt.UTC)
    end = not_after or now + dt.timedelta(days=30)
    start = not_before or min(now, end) - dt.timedelta(days=1)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:sightline:{common_name}")]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return Identity(_certificate_pem(certificate), _key_pem(key), common_name)


def make_server_certificate(address: str) -> Identity:
    """A self-signed certificate for an ordinary TLS server at the IP ``address``: its own authority, for outer TLS."""
    now = dt.datetime.now(dt.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(_certificate_pem(certificate), _key_pem(key), "server")


def _certificate_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
