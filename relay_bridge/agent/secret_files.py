"""Secrets by reference: ``file:PATH`` or ``env:NAME``, never a value in site.toml."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from relay_bridge.agent.errors import ConfigError

MAX_SECRET = 16 * 1024  # bytes: larger than any key or password, small enough to read without thinking


def read_secret(reference: str, *, where: str, base: Path) -> str:
    """The secret behind a reference, without its last line break; ``ConfigError`` says what is missing.

    ``where`` names the key in site.toml; relative paths are relative to ``base``, the folder of site.toml.
    """
    kind, colon, rest = reference.partition(":")
    if not colon or kind not in {"file", "env"} or not rest:
        # The text itself may be the secret, so it is not repeated.
        raise ConfigError(f'{where}: write a reference, "file:PATH" or "env:NAME", not the secret itself.')
    if kind == "env":
        value = os.environ.get(rest)
        if not value:
            raise ConfigError(f"{where}: the environment variable {rest} is not set.")
        return value.strip()
    text = read_private_file(base / rest, where=where).strip()
    if not text:
        raise ConfigError(f"{where}: the file {base / rest} is empty.")
    return text


def secret_file(reference: str, base: Path) -> Path | None:
    """The file that ``reference`` names; None for one that names a variable."""
    kind, _, rest = reference.partition(":")
    return base / rest if kind == "file" else None


def read_private_file(path: Path, *, where: str) -> str:
    """Text of a file that must belong to nobody else's eyes; ``ConfigError`` on a wrong mode."""
    check_private_mode(path, where=where)
    return read_text(path, where=where)


def check_private_mode(path: Path, *, where: str) -> None:
    """Refuse a secret that group or others can read or write (POSIX modes; other systems have none)."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"{where}: cannot read {path}: {error.strerror}.") from None
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{where}: {path} is not a file.")
    if os.name == "posix" and mode & 0o077:
        raise ConfigError(f"{where}: {path} is open to others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")


def read_text(path: Path, *, where: str) -> str:
    """Text of a small file; ``ConfigError`` when it is missing, too large or not text."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise ConfigError(f"{where}: cannot read {path}: {error.strerror}.") from None
    if len(data) > MAX_SECRET:
        raise ConfigError(f"{where}: {path} is larger than {MAX_SECRET} bytes, which no key or certificate is.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: {path} is not text.") from None
