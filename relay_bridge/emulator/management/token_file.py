"""The bearer token of the management port: made at the first start, in a file that only its owner can read."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from relay_bridge.emulator.namespace import ConfigError

logger = logging.getLogger(__name__)

NEW_TOKEN_BYTES: Final = 32  # random bytes, written as 43 characters
MIN_TOKEN: Final = 16  # characters; a shorter one could be guessed
MAX_TOKEN_FILE: Final = 4_096  # bytes


class BearerToken:
    """What a caller must show. Its text leaves this object never."""

    def __init__(self, text: str) -> None:
        self._expected = text.encode("utf-8")

    def __repr__(self) -> str:
        return "BearerToken(…)"

    def matches(self, authorization: str | None) -> bool:
        """Whether the value of an ``Authorization`` header is ``Bearer`` and this token; in constant time."""
        scheme, _, shown = (authorization or "").strip().partition(" ")
        # Compared in any case: how long it takes must not depend on how much was right.
        same = hmac.compare_digest(shown.strip().encode("utf-8", "surrogateescape"), self._expected)
        return same and scheme.lower() == "bearer"


def open_token_file(path: Path) -> BearerToken:
    """Read the token, or make one where no file is. Raises ``ConfigError`` when others can read the file."""
    try:
        _create(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"{path}: the token file cannot be made: {error.strerror or error}") from error
    content = read_private(path, MAX_TOKEN_FILE, "the token file")
    token = content.decode("ascii", "replace").strip()
    if len(token) < MIN_TOKEN or not token.isprintable() or " " in token or not token.isascii():
        raise ConfigError(f"{path}: the token file must hold one word of at least {MIN_TOKEN} ASCII characters")
    return BearerToken(token)


def read_private(path: Path, limit: int, what: str) -> bytes:
    """The content of a file that only its owner can read or write; ``ConfigError`` when it is open to others.

    Raises ``FileNotFoundError`` when there is none.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: {what} cannot be read: {error.strerror or error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: {what} is open to others; give it mode 0600 (chmod 600)")
    if len(content) > limit:
        raise ConfigError(f"{path}: {what} is larger than {limit} bytes")
    return content


def _create(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(NEW_TOKEN_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    logger.info("The management port's token was made and is in %s.", path)
