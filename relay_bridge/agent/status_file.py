"""The state file of a running agent: written whole every two seconds, mode 0600, read by ``sightline-site status``.

A file and no socket: it works the same on Windows, opens nothing to connect to, and what it says is still there to be
read when the agent hangs.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from relay_bridge.agent.status_report import StatusReport

MAX_FILE = 4 * 1024 * 1024  # bytes: a finding for each of a few thousand entries
STALE = 15.0  # seconds after which a report is no news of a running agent
_report = msgspec.json.Decoder(StatusReport)


class StatusUnreadable(Exception):  # noqa: N818 - a finding
    """There is a file and it is no report; the text says why."""


def write_report(path: Path, report: StatusReport) -> None:
    """In place of the one before, in one step. Raises ``OSError``. Not synced: after a power cut nobody needs it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(report))
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise


def read_report(path: Path) -> StatusReport | None:
    """The report, or None without one. ``StatusUnreadable``."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StatusUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return _report.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise StatusUnreadable(f"{path} is no report of this version.") from None


def remove_report(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
