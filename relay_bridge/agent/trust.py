"""What the agent trusts: the pinned token keys and the pinned web app, and its own certificate and key.

Pinned means: these files and nothing else. No key is fetched from anywhere, least of all from a token.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from relay_bridge.agent.config_file import TrustSection
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import read_private_file, read_text
from relay_bridge.contract.messages import MAX_ID
from relay_bridge.contract.token_keys import MAX_TOKEN_KEYS, key_set_stamp
from relay_bridge.contract.tokens import ALGORITHMS, certificate_thumbprint

PublicKey: TypeAlias = OKPKey | ECKey
# (kty, crv) of a JWK -> the one algorithm it may sign with (RFC 9864, 2.2; RFC 7518, 3.4).
_ALGORITHM_OF = {("OKP", "Ed25519"): "Ed25519", ("EC", "P-256"): "ES256"}


@dataclass(frozen=True)
class TokenKey:
    """A public key that site tokens may be signed with, and the one algorithm it is for.

    ``until``: epoch seconds from which it is over; None while it is the issuer's present key.
    """

    kid: str
    algorithm: str
    key: PublicKey
    until: int | None = None

    def is_over(self, now: float) -> bool:
        return self.until is not None and now >= self.until


@dataclass(frozen=True)
class KeySet:
    """The pinned keys by key id, in the file's order; the first is the one that signs now."""

    keys: Mapping[str, TokenKey]
    sequence: int = 0

    @property
    def stamp(self) -> str:
        return key_set_stamp(self.sequence, next(iter(self.keys)))


@dataclass(frozen=True)
class Certificate:
    """A certificate by what matters here."""

    pem: str
    thumbprint: str  # x5t#S256
    not_before: datetime.datetime
    not_after: datetime.datetime


@dataclass(frozen=True)
class Trust:
    """Loaded and checked. ``agent_cert`` and ``agent_key`` stay paths: the TLS library reads them itself."""

    key_set: KeySet
    web_app: Certificate
    agent: Certificate
    agent_cert: Path
    agent_key: Path

    @property
    def token_keys(self) -> Mapping[str, TokenKey]:
        """The keys as they were at the start; ``TokenKeys`` follows the file."""
        return self.key_set.keys


def load_trust(section: TrustSection, now: datetime.datetime) -> Trust:
    """Load everything ``[trust]`` names; ``ConfigError`` when a file is missing, unfit or out of date at ``now``."""
    agent_cert, agent_key = Path(section.agent_cert), Path(section.agent_key)
    agent = load_certificate(agent_cert, where="[trust] agent_cert", now=now)
    _check_key(agent_key, agent)
    return Trust(
        key_set=read_key_set(Path(section.token_keys)),
        web_app=load_certificate(Path(section.web_app_pin), where="[trust] web_app_pin", now=now),
        agent=agent,
        agent_cert=agent_cert,
        agent_key=agent_key,
    )


def load_certificate(path: Path, *, where: str, now: datetime.datetime) -> Certificate:
    """One PEM certificate that is valid at ``now``; ``ConfigError`` otherwise."""
    pem = read_text(path, where=where)
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ConfigError(f"{where}: {path} holds no PEM certificate.") from None
    if len(found) != 1:
        raise ConfigError(f"{where}: {path} holds {len(found)} certificates; exactly one is pinned.")
    cert = found[0]
    if now < cert.not_valid_before_utc:
        raise ConfigError(
            f"{where}: the certificate is valid only from {cert.not_valid_before_utc:%Y-%m-%d %H:%M} UTC; "
            "check this machine's clock."
        )
    if now > cert.not_valid_after_utc:
        raise ConfigError(f"{where}: the certificate ran out on {cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.")
    return Certificate(
        pem=cert.public_bytes(Encoding.PEM).decode(),
        thumbprint=certificate_thumbprint(cert.public_bytes(Encoding.DER)),
        not_before=cert.not_valid_before_utc,
        not_after=cert.not_valid_after_utc,
    )


def _check_key(path: Path, certificate: Certificate) -> None:
    where = "[trust] agent_key"
    pem = read_private_file(path, where=where)
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"{where}: {path} holds no usable PEM key without a passphrase.") from None
    public = x509.load_pem_x509_certificate(certificate.pem.encode()).public_key()
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != public.public_bytes(*form):
        raise ConfigError(f"{where}: {path} is not the key of the certificate in agent_cert.")


def read_key_set(path: Path) -> KeySet:
    """The key set in the file that ``[trust] token_keys`` names; ``ConfigError``."""
    where = "[trust] token_keys"
    return parse_key_set(read_text(path, where=where), where=where)


def parse_key_set(text: str, *, where: str) -> KeySet:
    """A JSON Web Key Set (RFC 7517, 5) with our ``sequence``, which is 0 when it is left out; ``ConfigError``."""
    try:
        document = msgspec.json.decode(text)
        rows, sequence = document["keys"], document.get("sequence", 0)
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f'{where}: the file is no JSON Web Key Set ({{"keys": [...]}}).') from None
    if type(sequence) is not int or not 0 <= sequence <= 2**53:
        raise ConfigError(f"{where}: sequence is a whole number, 0 or more.")
    return KeySet(_keys_by_kid(rows, where), sequence)


def parse_token_keys(text: str, *, where: str) -> dict[str, TokenKey]:
    """The keys of a JSON Web Key Set by key id.

    Every key needs a ``kid``, must be public, and must be of a kind that site tokens are signed with.
    """
    return dict(parse_key_set(text, where=where).keys)


def _keys_by_kid(rows: Any, where: str) -> dict[str, TokenKey]:
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_TOKEN_KEYS:
        raise ConfigError(f"{where}: the key set must hold 1 to {MAX_TOKEN_KEYS} keys.")
    keys: dict[str, TokenKey] = {}
    for number, row in enumerate(rows, 1):
        key = _token_key(row, where=f"{where}: key {number}")
        if key.kid in keys:
            raise ConfigError(f"{where}: key {number} has the same kid as another key.")
        keys[key.kid] = key
    return keys


def _token_key(row: Any, *, where: str) -> TokenKey:
    if not isinstance(row, dict) or not all(isinstance(row.get(part, ""), str) for part in ("kty", "crv", "alg")):
        raise ConfigError(f"{where} is no JSON Web Key.")
    if "d" in row or "k" in row:
        raise ConfigError(f"{where} holds a private or shared key; only public keys are pinned here.")
    kid = row.get("kid")
    if not isinstance(kid, str) or not 1 <= len(kid) <= MAX_ID:
        raise ConfigError(f"{where} has no usable kid.")
    algorithm = _ALGORITHM_OF.get((row.get("kty", ""), row.get("crv", "")))
    if algorithm not in ALGORITHMS or row.get("alg", algorithm) != algorithm or row.get("use", "sig") != "sig":
        raise ConfigError(f"{where} must be a signing key for {' or '.join(ALGORITHMS)}.")
    try:
        key: PublicKey = OKPKey.import_key(row) if algorithm == "Ed25519" else ECKey.import_key(row)
        _ = key.public_key  # the library reads lazily: a damaged key must show now, not at the first token
    except (JoseError, ValueError, TypeError, KeyError):
        raise ConfigError(f"{where} is damaged.") from None
    until = row.get("until")
    if until is not None and type(until) is not int:
        raise ConfigError(f"{where}: until is a time in whole seconds since 1970.")
    return TokenKey(kid, algorithm, key, until)
