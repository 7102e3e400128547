"""One agent per folder: a lock on a file beside its state, held by the system and gone with the process."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import IO

from relay_bridge.agent.errors import ConfigError

LOCK = "agent.lock"
TRIES, PAUSE = 5, 0.2  # s: ``status`` holds the lock for a moment when it looks whether anybody else does
logger = logging.getLogger(__name__)


class AlreadyRunning(ConfigError):  # noqa: N818 - a state, told in a sentence
    """Another agent serves this folder."""


class FolderLock:
    """``take`` at the start, ``release`` at the end. A place that cannot be written is said and gone without."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def take(self) -> None:
        """``AlreadyRunning`` when another program has it; at most a second."""
        for attempt in range(TRIES):
            try:
                file = _open(self.path)
            except OSError as error:
                logger.error(  # noqa: TRY400 - told in words
                    "%s cannot be used (%s): a second agent in this folder would not be noticed.", self.path, error
                )
                return
            if _lock(file):
                self._file = file
                return
            file.close()
            if attempt + 1 < TRIES:
                time.sleep(PAUSE)
        raise AlreadyRunning(
            f"Another agent serves {self.path.parent.parent} already ({self.path} is locked): stop it first, or give "
            "this one a folder and a site of its own."
        )

    def release(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def is_locked(folder: Path) -> bool:
    """Whether an agent runs there; False as well when that cannot be told."""
    try:
        with (folder / LOCK).open("rb") as file:
            return not _lock(file)
    except OSError:
        return False


def _open(path: Path) -> IO[bytes]:
    """The file, made when there is none. One that exists can be locked where nothing can be written, too."""
    if path.exists():
        return path.open("rb")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb+")


def _lock(file: IO[bytes]) -> bool:
    """True when the lock is ours now. Closing the file lets it go."""
    if os.name == "nt":
        import msvcrt  # noqa: PLC0415 - Windows only

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    import fcntl  # noqa: PLC0415 - POSIX only

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
