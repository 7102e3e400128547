"""The key that signs checkpoints: Ed25519, in a file of its own that only this account can read. Not the issuer's.

Whoever has it could rewrite the trail and sign it anew, so it signs nothing else, and the agents keep copies of what
was signed before.
"""

from __future__ import annotations

import base64
import os
import stat
import tempfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

MAX_KEY_FILE = 4096  # bytes
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class AuditKeyError(Exception):
    """The key's file cannot be used; the message says what to do. Never quotes the file."""


def key_path() -> Path:
    return settings.SIGHTLINE.secrets_dir / "audit.key.pem"


def create_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and store it, mode 0600, unless another process was faster; answers the one that is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(name, path)  # fails when the name is taken: a key is never replaced
        except FileExistsError:
            return load_key(path)
    finally:
        Path(name).unlink()
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """The key in ``path``; ``AuditKeyError`` when it is missing, open to others, or no Ed25519 key."""
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_mode & OTHERS:
                raise AuditKeyError(f"{path} must be a plain file that only this account can read: chmod 600.")
            data = file.read(MAX_KEY_FILE)
    except OSError as error:
        raise AuditKeyError(f"Cannot read the audit trail's key {path}: {error.strerror}.") from None
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise AuditKeyError(f"{path} holds no PEM key without a passphrase.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditKeyError(f"{path} holds another kind of key; an Ed25519 key is needed.")
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half as checkpoints carry it: 43 characters."""
    return _text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    return _text(key.sign(data))


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Whether ``signature`` over ``data`` was made with the private half of ``public``."""
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(public)).verify(_bytes(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
