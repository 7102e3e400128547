"""Enrolling an agent: the code, the three messages, what is signed, and the comparison that two people read out.

    agent  → claim    code, own certificate, signature            web app → terms     what to trust; nothing secret
    people   read the comparison to each other; an administrator types it into the web app
    agent  → collect  signature                                   web app → waiting | the credential, sealed
    agent  → done     signature                                   web app → nothing more is handed out

A code alone opens nothing: whoever intercepts one can claim it, and then has another comparison to read out than the
plant's own machine. The comparison covers both ends' certificates, the issuer's keys and a random number of either
end, so that somebody between the two (a proxy that opens TLS) shows as well. The relay credential is sealed
for the agent alone (HPKE, RFC 9180, base mode): no proxy reads it, and the web app keeps nothing that opens anything.
No cryptography here but hashing.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

FORMAT: Final = "sightline-enrol-1"
VERSION: Final = 1
MAX_MESSAGE: Final = 64 * 1024  # bytes, either way
CLAIM_PATH, COLLECT_PATH, DONE_PATH = "/enrol/claim", "/enrol/collect", "/enrol/done"

# Crockford's base 32: no I, L, O and U, so that nothing is misread and no word is spelt.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP: Final = 4  # characters between two hyphens
CODE_BODY, CODE_CHECK = 26, 2  # 130 bits that nobody can guess, and 10 that find a slip of the pen
COMPARISON_LENGTH: Final = 16  # 80 bits: who wants to hit a given one in an hour needs 2^80 tries
_MISREAD = str.maketrans("OILoil", "011011")

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Pem = Annotated[str, Meta(min_length=1, max_length=4096)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Signature = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+\Z")]
Ticket = Annotated[str, Meta(min_length=32, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
SealKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]  # X25519, public, base64url without padding
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown fields are refused, as everywhere in the contract."""


class Claim(Message, frozen=True):
    """The agent's first word. ``nonce``: 32 random bytes, hexadecimal. ``seal_key``: for which the credential is to be
    sealed, made for this enrolment alone. ``signature`` over ``claim_bytes``."""

    v: Literal[1]
    code: Annotated[str, Meta(max_length=80)]
    certificate: Pem
    nonce: Digest
    seal_key: SealKey
    agent: Annotated[str, Meta(max_length=60)]
    signature: Signature


class Terms(Message, frozen=True):
    """Whom the agent is to trust, once the comparison agrees. ``expires_in`` and ``poll`` in seconds."""

    id: Id
    ticket: Ticket
    site: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    time_zone: Annotated[str, Meta(max_length=64)]
    issuer: Annotated[str, Meta(min_length=1, max_length=500)]
    audience: Annotated[str, Meta(min_length=1, max_length=500)]
    token_keys: Annotated[str, Meta(max_length=16_384)]
    web_app_cert: Pem
    nonce: Digest
    expires_in: Annotated[int, Meta(ge=1, le=24 * 3600)]
    poll: Annotated[float, Meta(ge=0.05, le=60)]


class Collect(Message, frozen=True):
    """Asked again and again until an administrator has decided, and once more as ``done``."""

    id: Id
    ticket: Ticket
    signature: Signature


class Collected(Message, frozen=True, omit_defaults=True):
    """``sealed``: the Listen connection string once the state is ``confirmed``; base64url of what HPKE makes with
    DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM and ``seal_info``: the encapsulated key first."""

    state: Literal["waiting", "confirmed"]
    sealed: Annotated[str, Meta(max_length=4000, pattern=r"^[A-Za-z0-9_-]*\Z")] = ""


class Refusal(Message, frozen=True):
    """Why not, in one sentence that tells a stranger nothing."""

    error: Literal["bad_request", "refused", "busy", "unavailable"]
    message: Annotated[str, Meta(max_length=500)]


# --- the code -----------------------------------------------------------------------------------------------------


def make_code() -> str:
    """A new code in groups, 130 random bits: ``7KQ2-M0XZ-...``."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(CODE_BODY))
    return grouped(body + _check(body))


def read_code(text: str) -> str:
    """The bare code that somebody typed, in any case, with any hyphens and blanks; ``ValueError`` in a sentence."""
    code = _bare(text)
    if len(code) != CODE_BODY + CODE_CHECK or set(code) - set(ALPHABET) or _check(code[:CODE_BODY]) != code[CODE_BODY:]:
        raise ValueError("This is no enrolment code: seven groups of four letters and digits. Look for a slip.")
    return code


def code_digest(code: str) -> str:
    """What the web app keeps of a bare code, hexadecimal. A plain hash: 130 random bits cannot be tried out."""
    return hashlib.sha256(f"{FORMAT} code {code}".encode()).hexdigest()


def grouped(text: str) -> str:
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def _check(body: str) -> str:
    return _base32(hashlib.sha256(f"{FORMAT} check {body}".encode()).digest(), CODE_CHECK)


def _bare(text: str) -> str:
    return re.sub(r"[\s-]+", "", text[:200]).translate(_MISREAD).upper()


# --- what is signed, and what is compared -------------------------------------------------------------------------


def claim_bytes(origin: str, digest: str, thumbprint: str, nonce: str, seal_key: str) -> bytes:
    """What a claim's signature covers. ``origin``: the web app as the agent dialled it, so that nobody passes a claim
    on to another; ``digest`` of the code; ``thumbprint`` of the agent's certificate (x5t#S256)."""
    return msgspec.json.encode([FORMAT, "claim", origin, digest, thumbprint, nonce, seal_key])


def collect_bytes(purpose: Literal["collect", "done"], origin: str, collect_id: str, ticket: str) -> bytes:
    return msgspec.json.encode([FORMAT, purpose, origin, collect_id, ticket])


def seal_info(collect_id: str, thumbprint: str) -> bytes:
    """What binds a sealed credential to its enrolment and its agent (``info`` of RFC 9180)."""
    return msgspec.json.encode([FORMAT, "seal", collect_id, thumbprint])


def comparison(thumbprint: str, nonce: str, seal_key: str, terms: Terms) -> str:
    """What the two people read to each other, in groups: a hash of everything that either end will trust."""
    told = [terms.id, terms.site, terms.issuer, terms.audience, terms.token_keys, terms.web_app_cert, terms.nonce]
    digest = hashlib.sha256(msgspec.json.encode([FORMAT, "comparison", thumbprint, nonce, seal_key, *told])).digest()
    return grouped(_base32(digest, COMPARISON_LENGTH))


def same_comparison(one: str, other: str) -> bool:
    """Whether two people read the same, whatever the case and the blanks."""
    return secrets.compare_digest(_bare(one).encode(), _bare(other).encode())


def _base32(digest: bytes, length: int) -> str:
    number = int.from_bytes(digest, "big") >> (8 * len(digest) - 5 * length)
    return "".join(ALPHABET[number >> 5 * at & 31] for at in reversed(range(length)))
