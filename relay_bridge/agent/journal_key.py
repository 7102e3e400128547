"""The key that signs where the agent's journal stands: Ed25519, beside it, mode 0600; made at the first start."""

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

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import read_private_file
from relay_bridge.contract.audit import Checkpoint, checkpoint_bytes


class JournalKey:
    """Signs checkpoints of one chain."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = _text(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def checkpoint(self, chain: str, seq: int, hash_: str, at: int) -> Checkpoint:
        """``chain`` stood at event ``seq`` with ``hash_`` at ``at`` (epoch ms), signed."""
        sig = _text(self._key.sign(checkpoint_bytes(chain, seq, hash_, at, self.public)))
        return Checkpoint(chain, seq, hash_, at, self.public, sig)


def load_journal_key(path: Path) -> JournalKey:
    """``ConfigError`` when the file is missing, open to others, or holds no Ed25519 key."""
    where = "[audit] key"
    try:
        key = load_pem_private_key(read_private_file(path, where=where).encode(), password=None)
    except (ValueError, TypeError):
        raise ConfigError(f"{where}: {path} holds no PEM key without a passphrase.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{where}: {path} holds another kind of key; an Ed25519 key is needed.")
    return JournalKey(key)


def create_journal_key(path: Path) -> JournalKey:
    """Make the key, whole or not at all; one that is there is never replaced. Raises ``OSError``."""
    key = Ed25519PrivateKey.generate()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-key-")  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    finally:
        Path(name).unlink()
    return JournalKey(key)


def signature_holds(checkpoint: Checkpoint, key: str | None = None) -> bool:
    """Whether it was signed by ``key``, by default by the key that it names itself."""
    if key is not None and checkpoint.key != key:
        return False
    data = checkpoint_bytes(checkpoint.chain, checkpoint.seq, checkpoint.hash, checkpoint.at, checkpoint.key)
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(checkpoint.key)).verify(_bytes(checkpoint.sig), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
