"""The key that signs checkpoints: Ed25519, in a file of its own that only this account can read. Not the issuer's.

Whoever has it could rewrite the trail and sign it anew, so it signs nothing else, and the agents keep copies of what
was signed before.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from django.conf import settings

from relay_bridge.signing import Ed25519PrivateKey, create_key_file, is_signed, public_text, read_key, sign

__all__ = ["AuditKeyError", "create_key", "create_new_key", "is_signed", "key_path", "load_key", "public_text", "sign"]
MAX_KEY_FILE = 4096  # bytes
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class AuditKeyError(Exception):
    """The key's file cannot be used; the message says what to do. Never quotes the file."""


def key_path() -> Path:
    return settings.SIGHTLINE.secrets_dir / "audit.key.pem"


def create_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and store it, mode 0600, unless another process was faster; answers the one that is there."""
    try:
        return create_new_key(path)
    except FileExistsError:  # a key is never replaced
        return load_key(path)


def create_new_key(path: Path) -> Ed25519PrivateKey:
    """The same, but ``FileExistsError`` when one is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return create_key_file(path)


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
        return read_key(data)
    except ValueError as error:
        raise AuditKeyError(f"{path} {error}.") from None
