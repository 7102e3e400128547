"""The key that signs where the agent's journal stands: Ed25519, beside it, mode 0600; made at the first start."""

from __future__ import annotations

from pathlib import Path

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.secret_files import read_private_file
from relay_bridge.contract.audit import Checkpoint, checkpoint_bytes
from relay_bridge.signing import Ed25519PrivateKey, create_key_file, is_signed, public_text, read_key, sign


class JournalKey:
    """Signs checkpoints of one chain."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = public_text(key)

    def checkpoint(self, chain: str, seq: int, hash_: str, at: int) -> Checkpoint:
        """``chain`` stood at event ``seq`` with ``hash_`` at ``at`` (epoch ms), signed."""
        sig = sign(self._key, checkpoint_bytes(chain, seq, hash_, at, self.public))
        return Checkpoint(chain, seq, hash_, at, self.public, sig)


def load_journal_key(path: Path) -> JournalKey:
    """``ConfigError`` when the file is missing, open to others, or holds no Ed25519 key."""
    where = "[audit] key"
    try:
        return JournalKey(read_key(read_private_file(path, where=where).encode()))
    except ValueError as error:
        raise ConfigError(f"{where}: {path} {error}.") from None


def create_journal_key(path: Path) -> JournalKey:
    """Make the key, whole or not at all; one that is there is never replaced. Raises ``OSError``."""
    return JournalKey(create_key_file(path))


def signature_holds(checkpoint: Checkpoint, key: str | None = None) -> bool:
    """Whether it was signed by ``key``, by default by the key that it names itself."""
    if key is not None and checkpoint.key != key:
        return False
    data = checkpoint_bytes(checkpoint.chain, checkpoint.seq, checkpoint.hash, checkpoint.at, checkpoint.key)
    return is_signed(checkpoint.key, data, checkpoint.sig)
