"""Secrets on disk: private from the first moment, whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hmi.sites.secret_files import write_private, write_public


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_file_in_private_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "key"
    write_private(path, "secret")
    assert (path.read_text(), mode(path), mode(path.parent)) == ("secret", 0o600, 0o700)
    write_public(tmp_path / "cert.pem", "cert")
    assert mode(tmp_path / "cert.pem") == 0o644


def test_replacing_keeps_nothing_of_the_old_and_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("a much longer old text")
    path.chmod(0o666)
    write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)


def test_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
