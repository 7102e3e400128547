"""The switch at the plant as it lies on the disk: ``mode.json`` and the plain files beside it, strictest first.

Who finds something that cannot be understood closes: a state file that is damaged, open to others or not to be read
means read-only at the least. Only a folder without any of these files means full: nobody has turned the switch yet.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec

from relay_bridge.contract.acting import Mode, SiteMode

STATE: Final = "mode.json"
MAX_STATE = 4096  # bytes
MAX_BY, MAX_WHY = 100, 200  # characters, as in contract/acting.py
STRICTNESS: Final[dict[Mode, int]] = {"full": 0, "read-only": 1, "off": 2}
# What an operator may create with any editor or with `touch`; what stands in it does not matter. Editors on Windows
# like to add ".txt".
PLAIN_FILES: Final[dict[str, Mode]] = {
    "off": "off", "off.txt": "off", "read-only": "read-only", "read-only.txt": "read-only",
}  # fmt: skip
_NO_FOLDER: Final = (0,)  # in place of a file's stamp: where the folder is a file, there is none below it
_LATEST: Final = 32_503_680_000_000  # epoch ms: the year 3000
Signature = tuple[object, ...]


class SwitchError(Exception):
    """The switch could not be turned; says why and what to do."""


def strictest(*modes: SiteMode) -> SiteMode:
    """The one that allows least; the first of equals."""
    return max(modes, key=lambda mode: STRICTNESS[mode.mode])


def signature(folder: Path) -> Signature:
    """Changes whenever a file of the switch does: a few ``stat`` calls, asked for twice a second."""
    return tuple(_stamp(folder / name) for name in (STATE, *PLAIN_FILES))


def read_switch(folder: Path) -> SiteMode:
    """How the switch stands, as a program finds it that knows nothing from before."""
    return strictest(read_state(folder, None), *read_plain(folder))


def read_plain(folder: Path) -> list[SiteMode]:
    """What the plain files say: there may be none, one or more."""
    found = [_plain(folder / name, mode) for name, mode in PLAIN_FILES.items()]
    return [mode for mode in found if mode is not None]


def write_switch(folder: Path, mode: SiteMode) -> None:
    """Turn the switch, atomically and on the disk when this returns. ``SwitchError`` when it cannot be.

    The file is the agent's to read and nobody else's: mode 0600, and owned by the folder's owner when root turns it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = folder / f"{STATE}.{os.getpid()}.new"
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(_Stored.of(mode)) + b"\n")
                file.flush()
                _give_to_owner(file.fileno(), folder)
                os.fsync(file.fileno())
            new.replace(folder / STATE)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync_folder(folder)
    except OSError as error:
        message = f"The switch cannot be turned: {error.filename or folder}: {error.strerror}."
        raise SwitchError(f"{message} Run this as the agent's user or as root.") from None


def plain_files(folder: Path) -> list[Path]:
    """The plain files that hold the switch down at present."""
    return [folder / name for name in PLAIN_FILES if _stamp(folder / name) not in {None, _NO_FOLDER}]


def one_line(text: str, longest: int) -> str:
    """What somebody typed, as one line that any terminal can show."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's own form: every field is there, so that half a file is no file."""

    mode: Mode
    by: str
    since: Annotated[int, msgspec.Meta(ge=0, le=_LATEST)]
    why: str

    @classmethod
    def of(cls, mode: SiteMode) -> _Stored:
        return cls(mode.mode, one_line(mode.by, MAX_BY), mode.since, one_line(mode.why, MAX_WHY))


def read_state(folder: Path, last: SiteMode | None) -> SiteMode:
    """What ``mode.json`` says. ``last``: what this program read in it before, which a damaged file cannot loosen."""
    try:
        stored = _read(folder / STATE)
    except FileNotFoundError:
        if last is None or not last.since:
            return SiteMode()
        return _closed("The file of the switch has gone. Turn the switch again.", last)
    except OSError as error:
        return _closed(f"The file of the switch cannot be read ({error.strerror}).", last)
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error) if isinstance(error, _UntrustedError) else "The file of the switch is damaged."
        return _closed(f"{reason} Turn the switch again.", last)
    return SiteMode(stored.mode, one_line(stored.by, MAX_BY), max(stored.since, 1), one_line(stored.why, MAX_WHY))


class _UntrustedError(ValueError):
    """The file may have been written by somebody else."""


def _read(path: Path) -> _Stored:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise _UntrustedError("The file of the switch is no plain file.")
        if os.name == "posix" and mode & 0o022:
            raise _UntrustedError("The file of the switch can be written by others.")
        data = file.read(MAX_STATE + 1)
    if len(data) > MAX_STATE:
        raise _UntrustedError("The file of the switch is too large.")
    return msgspec.json.decode(data, type=_Stored)


def _closed(why: str, last: SiteMode | None) -> SiteMode:
    if last is not None and STRICTNESS[last.mode] > STRICTNESS["read-only"]:
        return last
    return SiteMode("read-only", "", int(time.time() * 1000), why)


def _plain(path: Path, mode: Mode) -> SiteMode | None:
    stamp = _stamp(path)
    if stamp is None or stamp == _NO_FOLDER:
        return None
    if not stamp:  # it may be there, so it counts
        return SiteMode(mode, "", 1, f"Whether somebody put the file {path.name} beside the switch cannot be told.")
    since = int(stamp[0] / 1_000_000)
    return SiteMode(mode, f"the file {path.name}", max(since, 1), "An operator put this file beside the switch.")


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What tells one version of a file from another; None when there is none, empty when that cannot be told."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return _NO_FOLDER
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode, found.st_ctime_ns)


def _give_to_owner(handle: int, folder: Path) -> None:
    if os.name != "posix" or os.geteuid() != 0:
        return
    owner = folder.stat()
    os.fchown(handle, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system syncs folders
            os.fsync(handle)
    finally:
        os.close(handle)
