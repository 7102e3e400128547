"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from relay_bridge.agent.errors import ConfigError


def _give_name(new: Path, path: Path) -> None:
    """``new`` as ``path``, unless somebody made that in the meantime (``FileExistsError``)."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(path) from None
        new.replace(path)


def write_whole(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write ``data`` beside ``path``, onto the disk, then under its name. ``ConfigError``.

    Without ``replace`` a file that is there stays as it is: somebody may have worked on it.
    """
    if not replace and path.exists():
        raise ConfigError(f"{path} is there already and stays as it is: name another file, or remove it.")
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        try:
            with new.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                new.replace(path)
            else:
                _give_name(new, path)
        finally:
            new.unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and stays as it is: name another file, or remove it.") from None
    except OSError as error:
        raise ConfigError(f"Cannot write {path}: {error.strerror}.") from None
