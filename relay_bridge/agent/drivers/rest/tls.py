"""TLS to an HTTP source: one pinned certificate, a private authority, or the system's. Always one of them."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from relay_bridge.agent.drivers.rest.problems import SettingsError, Trouble

MAX_FILE = 256 * 1024  # bytes: an authority's bundle


@dataclass(frozen=True)
class SourceTls:
    """The context of every connection, and the one certificate that is accepted where one is pinned."""

    context: ssl.SSLContext
    pin: bytes | None = None  # DER

    def check(self, shown: bytes | None) -> None:
        """``Trouble`` unless the other side showed the pinned certificate. To be called before anything is sent."""
        if self.pin is None:
            return
        digest = hashlib.sha256(shown or b"").digest()
        if not hmac.compare_digest(digest, hashlib.sha256(self.pin).digest()):
            raise Trouble("the process server's certificate is not the pinned one", reach="source", sent=False)


def source_tls(server_cert: str | None, ca_cert: str | None) -> SourceTls:
    """Read the files; ``SettingsError`` when one cannot be used.

    A pinned certificate is trusted by itself, so neither its issuer nor its host name matters (DeltaV Edge makes its
    own); OpenSSL checks it as the end of the chain, and it is compared byte by byte as well.
    """
    if server_cert is not None:
        pin = _certificate(server_cert)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=pin)
        return SourceTls(_strict(context), pin)
    if ca_cert is None:
        return SourceTls(_strict(ssl.create_default_context()))
    try:
        context = ssl.create_default_context(cadata=_read(ca_cert, "ca_cert").decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError("ca_cert: the file holds no certificates in PEM form") from error
    return SourceTls(_strict(context))


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _certificate(path: str) -> bytes:
    data = _read(path, "server_cert")
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            certificate = x509.load_pem_x509_certificate(data)
        else:
            certificate = x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise SettingsError("server_cert: the file holds no certificate") from error
    return certificate.public_bytes(Encoding.DER)


def _read(path: str, key: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise SettingsError(f"{key}: the file cannot be read ({error.strerror})") from error
    if len(data) > MAX_FILE:
        raise SettingsError(f"{key}: the file is larger than {MAX_FILE} bytes")
    return data
