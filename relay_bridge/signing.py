"""Ed25519 for checkpoints of both audit trails: keys in PEM files, signatures and public keys as base64url text.

The web app and the agent sign the same thing in the same way, so it is written once. Stands on cryptography alone: the
contract beside it does without, and neither side's rules about files and errors are here.
"""

from __future__ import annotations

import base64
import os
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

__all__ = ["Ed25519PrivateKey", "create_key_file", "is_signed", "public_text", "read_key", "sign"]


def create_key_file(path: Path) -> Ed25519PrivateKey:
    """Make a key, mode 0600, whole or not at all. ``FileExistsError``: a key that is there is never replaced."""
    key = Ed25519PrivateKey.generate()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)  # fails when the name is taken
    finally:
        Path(name).unlink()
    return key


def read_key(pem: bytes) -> Ed25519PrivateKey:
    """The key in a PEM text; ``ValueError`` says what it holds instead, and never quotes it."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise ValueError("holds no PEM key without a passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("holds another kind of key; an Ed25519 key is needed")  # noqa: TRY004 - of the text, not the call
    return key


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half as checkpoints carry it: 43 characters."""
    return _text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def sign(key: Ed25519PrivateKey, data: bytes) -> str:
    """The signature as checkpoints carry it: 86 characters."""
    return _text(key.sign(data))


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Whether ``signature`` over ``data`` was made with the private half of ``public``; False for any nonsense."""
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(public)).verify(_bytes(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
