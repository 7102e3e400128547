"""Identities inside the sealed session: a P-256 key with a certificate that signs itself, pinned by the other side."""

from __future__ import annotations

import datetime as dt
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

from hmi.sites.secret_files import write_private, write_public
from relay_bridge.contract.tokens import certificate_thumbprint

# Two years: long enough that nobody renews in a hurry, short enough that a lost key does not work for ever. OpenSSL
# checks the dates, so both ends stop talking at the end; docs/grants.md says how to renew them in time.
IDENTITY_LIFE = dt.timedelta(days=730)
CLOCK_ALLOWANCE = dt.timedelta(hours=1)  # a site's clock may be behind ours when it first loads the pin
_MAX_NAME = 64  # characters of a common name (RFC 5280, ub-common-name)
_USAGES = {"agent": ExtendedKeyUsageOID.SERVER_AUTH, "web app": ExtendedKeyUsageOID.CLIENT_AUTH}


class IdentityError(Exception):
    """The web app's own identity cannot be used; the message says what to do."""


def make_identity(side: Literal["agent", "web app"], name: str, now: dt.datetime) -> tuple[str, str]:
    """A new certificate and its key, both PEM; valid for two years from ``now``. ``name`` is for people who look."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Sightline {side} {name}"[:_MAX_NAME])])
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_ALLOWANCE)
        .not_valid_after(now + IDENTITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_USAGES[side]]), critical=False)
        .add_extension(subject_key, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return certificate.public_bytes(Encoding.PEM).decode("ascii"), key_pem


def ensure_web_app_identity(now: dt.datetime) -> str:
    """The web app's certificate as PEM, made on first use. Every site pins it, so it is never replaced here.

    ``IdentityError`` when only one of its two files is there.
    """
    cert_path, key_path = settings.SIGHTLINE.web_app_cert, settings.SIGHTLINE.web_app_key
    if cert_path.exists() != key_path.exists():
        raise IdentityError(f"Of {cert_path} and {key_path} only one exists: put the other back, or remove both.")
    if not cert_path.exists():
        certificate, key = make_identity("web app", settings.SIGHTLINE.issuer, now)
        write_private(key_path, key)
        write_public(cert_path, certificate)
    return cert_path.read_text(encoding="ascii")


def own_thumbprint() -> str:
    """``x5t#S256`` of the web app's certificate, to which every site token is bound."""
    path = settings.SIGHTLINE.web_app_cert
    return _thumbprint(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _thumbprint(path: Path, _changed: int) -> str:
    return certificate_thumbprint(ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii")))


def _key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
