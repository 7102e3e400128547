"""The plant's own certificate, made when it is first asked for, and whose certificates it takes."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import cert_gen
from asyncua.crypto.validator import CertificateValidatorMethod
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

APPLICATION_URI = "urn:sightline:simulated-plant"
CERTIFICATE, KEY, TRUSTED = "plant.der", "plant-key.pem", "trusted"
VALID_DAYS = 5 * 365


def ensure_certificate(directory: Path) -> tuple[Path, Path]:
    """Certificate (DER) and key (PEM, for its owner only) in ``directory``; OSError when it cannot be written."""
    certificate, key = directory / CERTIFICATE, directory / KEY
    if not (certificate.is_file() and key.is_file()):
        directory.mkdir(parents=True, exist_ok=True)
        private = cert_gen.generate_private_key()
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(APPLICATION_URI),
            x509.DNSName(socket.gethostname()),
            x509.IPAddress(ipaddress.IPv4Address("127.0.0.1")),
        ]
        made = cert_gen.generate_self_signed_app_certificate(
            private, "Sightline simulated plant", {}, names, [ExtendedKeyUsageOID.SERVER_AUTH], VALID_DAYS
        )
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(cert_gen.dump_private_key_as_pem(private))
        certificate.write_bytes(made.public_bytes(Encoding.DER))
    return certificate, key


def client_check(directory: Path) -> CertificateValidatorMethod | None:
    """With a folder ``trusted`` beside the certificate only the clients in it are let in; without, every client is."""
    trusted = directory / TRUSTED
    if not trusted.is_dir():
        return None

    async def check(certificate: x509.Certificate, _description: ua.ApplicationDescription) -> None:
        known = {file.read_bytes() for file in trusted.glob("*.der")}
        if certificate.public_bytes(Encoding.DER) not in known:
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    return check
