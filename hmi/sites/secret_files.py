"""Writing files that hold secrets: whole or not at all, and for this account's eyes only."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

PRIVATE_DIR = 0o700
PRIVATE_FILE = 0o600
PUBLIC_FILE = 0o644


def make_private_dir(path: Path) -> None:
    """Make ``path`` and what is missing above it, for this account only; an existing folder stays as it is."""
    path.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Put ``text`` in place of whatever ``path`` is, mode 0600, in one step: a reader sees the old or the new whole."""
    _replace(path, text, PRIVATE_FILE)


def write_public(path: Path, text: str) -> None:
    """The same for what may be read by anybody, such as a certificate."""
    _replace(path, text, PUBLIC_FILE)


def _replace(path: Path, text: str, mode: int) -> None:
    make_private_dir(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the first moment
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
