"""Adding a hybrid connection to the relay emulator's TOML file, and taking one out, without disturbing the rest.

The file belongs to people: comments, order and everything that is not ours stay as they are. Each change is checked by
reading the result before it replaces the file in one step; the emulator notices by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hmi.sites.secret_files import PRIVATE_FILE, make_private_dir, write_private

MAX_FILE = 16 * 1024 * 1024  # bytes
_TABLE = "hybrid_connection"
_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*([^\]]+?)[ \t]*\]\]?[ \t]*(?:#.*)?$")


class RelayConfigError(Exception):
    """One sentence on what is wrong with the relay's configuration file; never a key."""


@dataclass(frozen=True)
class NewHybridConnection:
    """A path with two rules: ``listen`` for the agent alone, ``send`` for the web app alone. Never Manage."""

    path: str
    listen_key: str = field(repr=False)
    send_key: str = field(repr=False)

    def as_toml(self) -> str:
        rules = "".join(
            f"\n[[{_TABLE}.rule]]\nname = {_text(name)}\nrights = [{_text(right)}]\nprimary_key = {_text(key)}\n"
            for name, right, key in (("listen", "Listen", self.listen_key), ("send", "Send", self.send_key))
        )
        return f"[[{_TABLE}]]\npath = {_text(self.path)}\nrequires_client_authorization = true\n{rules}"


def add_hybrid_connection(path: Path, connection: NewHybridConnection) -> None:
    """Append ``connection`` to the file at ``path``, made if need be. ``RelayConfigError`` when the name is taken."""
    with _locked(path):
        text, document = _read(path)
        if any(_path_of(entry) == connection.path.lower() for entry in _entries(document, path)):
            raise RelayConfigError(f"{path} already has a hybrid connection {connection.path!r}.")
        separator = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        changed = text + separator + connection.as_toml()
        _check(changed, path, len(document.get(_TABLE, [])) + 1)
        _write(path, changed)


def remove_hybrid_connection(path: Path, name: str) -> bool:
    """Take the hybrid connection ``name`` out of the file at ``path``; False when it is not there."""
    with _locked(path):
        text, document = _read(path)
        entries = _entries(document, path)
        numbers = [number for number, entry in enumerate(entries) if _path_of(entry) == name.lower()]
        if not numbers:
            return False
        changed = _without_block(text, numbers[0])
        _check(changed, path, len(entries) - 1)
        if any(_path_of(entry) == name.lower() for entry in tomllib.loads(changed).get(_TABLE, [])):
            raise RelayConfigError(f"{path}: cannot tell where {name!r} begins; take it out by hand.")
        _write(path, changed)
        return True


def _without_block(text: str, number: int) -> str:
    """The text less its ``number``-th block: from its own header to the next header that is not part of it."""
    kept: list[str] = []
    seen, inside = -1, False
    for line in text.splitlines(keepends=True):
        header = _HEADER.match(line.rstrip("\r\n"))
        if header is not None:
            name = header[1].replace(" ", "").replace('"', "")
            if name == _TABLE:
                seen += 1
                inside = seen == number
            elif not name.startswith(f"{_TABLE}."):
                inside = False
        if not inside:
            kept.append(line)
    left = "".join(kept)
    # Taking the last block out takes the empty line before it along, which adding it had put there.
    return f"{left.rstrip()}\n" if inside and left.strip() else left


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise RelayConfigError(f"Cannot read {path}: {error.strerror}.") from error
    if len(data) > MAX_FILE:
        raise RelayConfigError(f"{path} is larger than {MAX_FILE} bytes.")
    try:
        text = data.decode("utf-8")
        return text, tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RelayConfigError(f"{path} is not valid TOML: {error}.") from None


def _entries(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    entries = document.get(_TABLE, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RelayConfigError(f"{path}: {_TABLE} must be written as [[{_TABLE}]] tables.")
    return entries


def _check(text: str, path: Path, count: int) -> None:
    try:
        entries = tomllib.loads(text).get(_TABLE, [])
    except tomllib.TOMLDecodeError as error:
        raise RelayConfigError(f"{path} cannot be changed safely: {error}.") from None
    if len(entries) != count:
        raise RelayConfigError(f"{path} cannot be changed safely; change it by hand.")


def _path_of(entry: dict[str, Any]) -> str:
    # The relay does not tell paths apart by case.
    return str(entry.get("path", "")).strip("/").lower()


def _write(path: Path, text: str) -> None:
    try:
        write_private(path, text)
    except OSError as error:
        raise RelayConfigError(f"Cannot write {path}: {error.strerror}.") from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One change at a time, across processes; the lock is a file of its own because the configuration is replaced."""
    try:
        make_private_dir(path.parent)
        handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    except OSError as error:
        raise RelayConfigError(f"Cannot write in {path.parent}: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are a part of TOML's."""
    return json.dumps(value)
