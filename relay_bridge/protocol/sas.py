"""Shared access signatures: making them as our clients do, reading and verifying them as a relay must.

    SharedAccessSignature sr=<resource>&sig=<base64 of HMAC-SHA256>&se=<Unix seconds>&skn=<rule name>

Each value is percent-encoded once. Signed are the encoded ``sr``, a line feed, and ``se`` in decimal. The key is the
UTF-8 of the key *text*: it looks like base64, but it is not decoded first.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from relay_bridge.protocol.addresses import host_of
from relay_bridge.protocol.errors import AddressError, TokenExpired, TokenMalformed, TokenSignatureInvalid
from relay_bridge.protocol.limits import MAX_KEY_NAME, MAX_TOKEN

SCHEME: Final = "SharedAccessSignature"
_FIELDS = frozenset({"sr", "sig", "se", "skn"})
_SIGNATURE_BYTES = 32  # HMAC-SHA256
_MAX_EXPIRY_DIGITS = 12  # Unix seconds until the year 33000


@dataclass(frozen=True)
class SasToken:
    """What a token says. Nothing in it is proved until ``verify_token`` returned."""

    resource: str  # the URI, decoded
    signature: bytes = field(repr=False)
    expires_at: int  # Unix seconds
    key_name: str
    # The ``sr`` as received: clients differ in the case of the hex digits and in what they encode, so a verifier
    # must sign these bytes and never its own encoding of ``resource``.
    signed_resource_bytes: bytes = field(repr=False)


def create_token(resource_uri: str, key_name: str, key: str, expires_at: int) -> str:
    """A token for ``resource_uri`` (``http://host/path``), good until ``expires_at`` (Unix seconds)."""
    encoded = quote(resource_uri, safe="")
    signature = base64.b64encode(_sign(encoded.encode("ascii"), int(expires_at), key)).decode("ascii")
    return f"{SCHEME} sr={encoded}&sig={quote(signature, safe='')}&se={int(expires_at)}&skn={quote(key_name, safe='')}"


def parse_token(text: str) -> SasToken:
    """Read a token; ``TokenMalformed`` says which part is wrong without repeating it.

    Takes what official clients are known to send: any order of the fields, hex digits of either case, an unescaped
    ``/``, ``+`` or ``=`` in the signature, an unescaped ``/`` in the resource (the vendor's Python helper leaves it
    alone in both), and a ``+`` for a blank in the rule's name (.NET and Java encode as HTML forms do).
    """
    if len(text) > MAX_TOKEN or not text.isascii():
        raise TokenMalformed(f"a token must be ASCII and at most {MAX_TOKEN} characters")
    scheme, space, rest = text.strip().partition(" ")
    if scheme.lower() != SCHEME.lower() or not space:
        raise TokenMalformed(f"a token starts with the word {SCHEME} and a space")
    parts: dict[str, str] = {}
    for piece in rest.strip().split("&"):
        name, equals, value = piece.partition("=")
        if name not in _FIELDS or not equals or not value or name in parts:
            raise TokenMalformed("a token has the four fields sr, sig, se and skn, each once")
        parts[name] = value
    if parts.keys() != _FIELDS:
        raise TokenMalformed(f"the token lacks {', '.join(sorted(_FIELDS - parts.keys()))}")
    key_name = _decode(parts["skn"].replace("+", " "), "skn")
    if len(key_name) > MAX_KEY_NAME:
        raise TokenMalformed(f"the rule name in skn is longer than {MAX_KEY_NAME} characters")
    return SasToken(
        resource=_decode(parts["sr"], "sr"),
        signature=_signature(parts["sig"]),
        expires_at=_expiry(parts["se"]),
        key_name=key_name,
        signed_resource_bytes=parts["sr"].encode("ascii"),
    )


def verify_token(token: SasToken, keys: Sequence[str], now: float) -> None:
    """Return if one of ``keys`` (primary, then secondary) signed ``token`` and it has not expired at ``now`` (Unix s).

    Raises ``TokenSignatureInvalid`` or ``TokenExpired``, in this order: only its maker learns that a token is old.
    A caller that wants grace, or the service's demand for a minute of remaining life, moves ``now``.
    """
    good = False
    for key in keys:  # every key is tried, so that the time taken does not tell which one fitted
        if key and hmac.compare_digest(_sign(token.signed_resource_bytes, token.expires_at, key), token.signature):
            good = True
    if not good:
        raise TokenSignatureInvalid("the token has an invalid signature")
    if now >= token.expires_at:
        raise TokenExpired(f"the token expired {now - token.expires_at:.0f} s ago", expired_at=token.expires_at)


def token_covers(token: SasToken, host: str, path: str) -> bool:
    """Whether the token's resource is ``host``/``path`` or an ancestor of it.

    A token for ``http://host/`` covers everything. Scheme, port, a trailing slash and case are ignored: the official
    clients differ in all four. Segments are compared whole, so a token for ``tank`` does not cover ``tank-farm``.
    """
    try:
        split = urlsplit(token.resource)
        if not split.scheme or host_of(token.resource) != host_of(host):
            return False
    except (ValueError, AddressError):
        return False
    covered = _segments(split.path)
    return _segments(path)[: len(covered)] == covered


def _segments(path: str) -> list[str]:
    return [segment.lower() for segment in unquote(path).strip("/").split("/") if segment]


def _sign(signed_resource: bytes, expires_at: int, key: str) -> bytes:
    text = signed_resource + b"\n" + str(expires_at).encode("ascii")
    return hmac.new(key.encode("utf-8"), text, hashlib.sha256).digest()


def _decode(value: str, name: str) -> str:
    try:
        return unquote_to_bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TokenMalformed(f"the field {name} is not percent-encoded UTF-8") from error


def _signature(value: str) -> bytes:
    try:
        signature = base64.b64decode(unquote_to_bytes(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise TokenMalformed("the field sig is not base64") from error
    if len(signature) != _SIGNATURE_BYTES:
        raise TokenMalformed("the field sig does not hold an HMAC-SHA256")
    return signature


def _expiry(value: str) -> int:
    # int() would also take "+5", "1_000" and other digits than 0-9; the signed text is the plain decimal.
    if not (value.isascii() and value.isdigit()) or len(value) > _MAX_EXPIRY_DIGITS or str(int(value)) != value:
        raise TokenMalformed("the field se is not a number of seconds")
    return int(value)
