"""Certificates of an OPC UA connection: loading ours, pinning the server's, and saying what is wrong with either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from relay_bridge.agent.drivers.opcua.problems import SourceLost

MAX_FILE = 64 * 1024  # bytes of a certificate or key file
OURS, PINNED = "this agent's OPC UA certificate", "the pinned certificate of the process server"
SHOWN = "the process server's certificate, which is not pinned,"
WARN_BEFORE = timedelta(days=60)  # a new one must be made, carried to the server and trusted there by a person


@dataclass(frozen=True)
class ClientIdentity:
    """Our certificate with its key, ready for asyncua; ``uri`` must be sent as the application's URI."""

    certificate: bytes  # DER
    key: bytes
    key_format: str  # "pem" or "der"
    uri: str


def load_identity(certificate: Path | str, key: Path | str) -> ClientIdentity:
    """Read our certificate and key; SourceLost in words when that fails."""
    parsed = _certificate(_read(certificate, OURS), OURS)
    key_bytes = _read(key, "this agent's OPC UA key")
    is_pem = key_bytes.lstrip().startswith(b"-----BEGIN")
    return ClientIdentity(parsed.public_bytes(Encoding.DER), key_bytes, "pem" if is_pem else "der", _uri_of(parsed))


def load_pin(path: Path | str) -> bytes:
    """The pinned server certificate as DER; SourceLost in words when it cannot be had."""
    return _certificate(_read(path, PINNED), PINNED).public_bytes(Encoding.DER)


@dataclass(frozen=True)
class Expiry:
    """Until when a certificate may be used; ``what`` says which, without its path."""

    what: str
    until: datetime  # UTC

    def warning(self, now: datetime) -> str:
        """A sentence from WARN_BEFORE on, else nothing."""
        if now >= self.until:
            return f"{self.what} has expired on {self.until:%Y-%m-%d}"
        rest = self.until - now
        return f"{self.what} expires on {self.until:%Y-%m-%d}, in {rest.days} days" if rest <= WARN_BEFORE else ""


def expiry_of(certificate: bytes, what: str) -> Expiry:
    """When this certificate (DER) ends; SourceLost when it is none."""
    return Expiry(what, _certificate(certificate, what).not_valid_after_utc)


def first_certificate(chain: bytes | None) -> bytes:
    """The leaf of what a server sent: servers may append their chain (OPC 10000-6, 6.2.6)."""
    if not chain or len(chain) < 4:
        return b""
    if chain[1] != 0x82:  # every RSA certificate has a two-byte length
        return chain
    return chain[: int.from_bytes(chain[2:4], "big") + 4]


def _read(path: Path | str, what: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE)
    except OSError as error:
        raise SourceLost(f"{what} cannot be read ({error.strerror})") from error


def _certificate(data: bytes, what: str) -> x509.Certificate:
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(data)
        return x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise SourceLost(f"{what} is no certificate") from error


def _uri_of(certificate: x509.Certificate) -> str:
    """The URI among the alternative names; servers compare it with the application's (OPC 10000-6, 6.2.2)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        uris = []
    if not uris:
        raise SourceLost("this agent's OPC UA certificate names no application URI; make it anew with one")
    return uris[0]
