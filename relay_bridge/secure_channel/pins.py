"""Pinned certificates: reading one from PEM text, and the thumbprint by which tokens and logs name it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import ssl
from dataclasses import dataclass

from relay_bridge.secure_channel.errors import PinError

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.+?\s-----END CERTIFICATE-----", re.DOTALL)
_MAX_PEM = 16_384  # characters; a P-256 certificate has about 700


@dataclass(frozen=True)
class Pin:
    """The one certificate that a peer must show."""

    pem: str
    der: bytes

    @property
    def thumbprint(self) -> str:
        return thumbprint(self.der)

    def matches(self, der: bytes | None) -> bool:
        """Whether ``der`` is exactly this certificate; compared by SHA-256 in constant time."""
        return der is not None and hmac.compare_digest(hashlib.sha256(der).digest(), hashlib.sha256(self.der).digest())


def read_pin(pem: str) -> Pin:
    """The certificate in ``pem``: exactly one, and no private key. Raises ``PinError``."""
    if "PRIVATE KEY" in pem:
        raise PinError("the pin holds a private key; a pin is the other side's certificate alone")
    if len(pem) > _MAX_PEM:
        raise PinError(f"the pin is longer than {_MAX_PEM} characters")
    found = _CERTIFICATE.findall(pem)
    if len(found) != 1:
        raise PinError(f"the pin must hold exactly one certificate in PEM form; {len(found)} were found")
    body = "".join(found[0].split("-----")[2].split())
    try:
        # Strictly: the standard library's own reader of PEM skips characters that do not belong there.
        der = base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error) as error:
        raise PinError("the pin is no certificate in PEM form") from error
    if not _is_one_sequence(der):
        raise PinError("the pin is no certificate in PEM form")
    return Pin(ssl.DER_cert_to_PEM_cert(der), der)


def _is_one_sequence(der: bytes) -> bool:
    """Whether ``der`` is one ASN.1 SEQUENCE and nothing after it (X.690, 8.1.3): pins are compared byte by byte."""
    if len(der) < 4 or der[0] != 0x30 or not 0x81 <= der[1] <= 0x83:
        return False
    head = 2 + (der[1] & 0x7F)
    return len(der) == head + int.from_bytes(der[2:head], "big")


def thumbprint(der: bytes) -> str:
    """``x5t#S256`` of RFC 7515, 4.1.8: SHA-256 of the DER, base64url without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode("ascii")
