"""The files of the journal: how they are named, read and written.

    audit/journal-000000000001.jsonl   events from number 1 on, one a line; the next file begins where this one ends
    audit/head.json                    where the journal stands, signed
    audit/start.json                   where it begins, signed, once old files were removed
    audit/web.json                     where the web app's trail stood when it last told us
    audit/key.pem                      the key that signs head and start, 0600

Memory stays small: one line at a time.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from relay_bridge.agent.errors import ConfigError
from relay_bridge.contract.audit import AuditEvent, Checkpoint, hash_of

HEAD, START, COUNTERPART, KEY = "head.json", "start.json", "web.json", "key.pem"
MAX_LINE = 16 * 1024  # bytes: an event at all its bounds, escaped, has less
MAX_SMALL = 4096  # bytes of a checkpoint's file
logger = logging.getLogger(__name__)
_event = msgspec.json.Decoder(AuditEvent)
_checkpoint = msgspec.json.Decoder(Checkpoint)


class _Place(msgspec.Struct):
    """Two fields of an event: enough to find one."""

    seq: int
    hash: str


_place = msgspec.json.Decoder(_Place)


class JournalDamaged(Exception):  # noqa: N818 - a finding
    """A file holds what is no event or no checkpoint; the message names it."""


def journal_name(first: int) -> str:
    return f"journal-{first:012d}.jsonl"


def journal_files(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(folder.glob("journal-????????????.jsonl"))


def read_events(path: Path) -> Iterator[AuditEvent]:
    """The events of one file; ``JournalDamaged`` at the first line that is none."""
    for number, line in enumerate(_lines(path), 1):
        try:
            yield _event.decode(line)
        except msgspec.MsgspecError:
            raise JournalDamaged(f"line {number} of {path.name} is no event") from None


def read_checkpoint(path: Path) -> Checkpoint | None:
    """The checkpoint in a small file, or None without one; ``JournalDamaged``."""
    try:
        with path.open("rb") as file:
            return _checkpoint.decode(file.read(MAX_SMALL))
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        raise JournalDamaged(f"{path.name} is no checkpoint") from None


def write_checkpoint(path: Path, checkpoint: Checkpoint, *, sync: bool = False) -> None:
    """In place of the one before, in one step; ``sync``: on the disk before this returns. Raises ``OSError``."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(checkpoint))
            if sync:
                file.flush()
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def hash_at(folder: Path, seq: int) -> str | None:
    """The hash of event ``seq`` as its file has it; None when there is no such event. Reads one file."""
    for path in reversed(journal_files(folder)):
        if path.name <= journal_name(seq):
            for line in _lines(path):
                try:
                    place = _place.decode(line)
                except msgspec.MsgspecError:
                    return None
                if place.seq == seq:
                    return place.hash
            return None
    start = read_checkpoint(folder / START)
    return start.hash if start is not None and start.seq == seq else None


def sync_and_sign(handle: int, path: Path, head: Checkpoint) -> None:
    """The events first: what is signed must be on the disk. Closes ``handle``. Raises ``OSError``."""
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    write_checkpoint(path, head, sync=True)


def last_event(path: Path) -> AuditEvent | None:
    """The last whole event of a file. A line that was being written when the power went is cut off: it never was."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 4 * MAX_LINE, 0))
        tail = file.read()
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        if torn:
            logger.error("The last line of %s was not written whole and is left out.", path.name)
            file.truncate(size - torn)
            os.fsync(file.fileno())
    if size == torn:
        return None
    event = None
    for event in read_events(path):  # noqa: B007 - the last one is wanted, and the file read through once
        pass
    if event is not None and hash_of(event) != event.hash:
        raise JournalDamaged(f"the last event of {path.name} was changed; look with: sightline-site journal verify")
    return event


def first_event(path: Path) -> AuditEvent:
    """The event that a file begins with; ``JournalDamaged`` when it begins with none."""
    for event in read_events(path):
        return event
    raise JournalDamaged(f"{path.name} holds no event")


def lock_folder(path: Path) -> IO[bytes]:
    """One agent per journal. Where the system has no flock, nothing is locked."""
    file = path.open("ab")
    try:
        import fcntl  # noqa: PLC0415 - POSIX only

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except BlockingIOError:
        file.close()
        raise ConfigError(
            f"Another agent writes the journal in {path.parent}; give each its own [audit] path."
        ) from None
    return file


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            yield line
