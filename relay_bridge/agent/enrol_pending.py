"""New keys take the place of old ones all together: prepared beside, switched by one rename, finished by whoever comes.

    enrolment-pending/      all files of the new enrolment; once this name is there, they are the site's

They are copied to their places and the folder goes last. Whoever is killed in between leaves it behind, and the next
``run``, ``check`` or ``enrol`` copies them all once more: nobody ever starts with half of the old and half of the new.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from relay_bridge.agent.errors import ConfigError
from relay_bridge.contract.site_file import AGENT_CERT, AGENT_KEY, LISTEN_SECRET, TOKEN_KEYS, WEB_APP_PIN

PENDING = "enrolment-pending"
FILES: Sequence[str] = (AGENT_KEY, AGENT_CERT, WEB_APP_PIN, TOKEN_KEYS, LISTEN_SECRET)
_FOLDER = 0o700


def switch(folder: Path, draft: Path) -> None:
    """Let the files of ``draft``, a folder in ``folder`` and on the disk, take their places. Raises ``OSError``."""
    draft.rename(folder / PENDING)
    sync(folder)
    _finish(folder)


def finish_enrolment(folder: Path) -> bool:
    """Finish what was cut off in ``folder``; whether there was anything. ``ConfigError`` when that cannot be done."""
    pending = folder / PENDING
    if pending.is_symlink() or not pending.is_dir():
        return False
    try:
        _finish(folder)
    except OSError as error:
        if not pending.is_dir():  # another program finished it at the same time
            return False
        raise ConfigError(
            f"An enrolment of {folder} was cut off and cannot be finished: {error.filename}: {error.strerror}. Run "
            "sightline-site check as the agent's user."
        ) from None
    return True


def _finish(folder: Path) -> None:
    pending = folder / PENDING
    found = {name: _read(pending / name) for name in FILES}  # nothing is touched unless all of it is there
    for name, part in found.items():
        place = folder / name
        place.parent.mkdir(_FOLDER, exist_ok=True)
        _put(part, place)
        sync(place.parent)
    # Renamed first: a folder that is half removed is no pending enrolment any more.
    over = folder / f".{PENDING}.over-{secrets.token_hex(4)}"
    pending.rename(over)
    sync(folder)
    shutil.rmtree(over, ignore_errors=True)


class _Part(NamedTuple):
    data: bytes
    facts: os.stat_result


def _read(path: Path) -> _Part:
    with path.open("rb") as file:
        return _Part(file.read(), os.fstat(file.fileno()))


def _put(part: _Part, place: Path) -> None:
    """In one step, on the disk, with the mode it had; also its owner when root finishes for the agent."""
    new = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(part.facts.st_mode))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(part.data)
            if os.name == "posix" and os.geteuid() == 0:
                os.fchown(file.fileno(), part.facts.st_uid, part.facts.st_gid)
            file.flush()
            os.fsync(file.fileno())
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def sync(folder: Path) -> None:
    """Put the names in ``folder`` on the disk."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system syncs folders
            os.fsync(handle)
    finally:
        os.close(handle)
