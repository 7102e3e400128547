"""What admission remembers over a restart, in a real file: kept, locked, damaged, full of other people's mistakes."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from relay_bridge.agent.replay_store import Epoch, Presented, ReplayStore, StoreFailed

ONE = Presented("jti-1", "s1", 2000.0)
GRANT = Epoch("grant-1", 7, 1900.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "admission.sqlite3"


def test_what_was_kept_is_there_after_a_restart(path: Path) -> None:
    store = ReplayStore(path)
    assert store.open().fresh
    store.keep([ONE], [GRANT], sync=True)
    store.keep([Presented("jti-2", "s1", 1.0)], [Epoch("grant-1", 8, 1950.0)], sync=False)
    store.close()

    kept = ReplayStore(path).open()
    assert not kept.fresh
    assert sorted(kept.presented) == [ONE, Presented("jti-2", "s1", 1.0)]  # an old one too: clocks can be wrong
    assert kept.epochs == [Epoch("grant-1", 8, 1950.0)]


def test_file_and_folder_are_for_this_account_alone(path: Path) -> None:
    ReplayStore(path).open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_forgotten_rows_are_gone(path: Path) -> None:
    store = ReplayStore(path)
    store.open()
    store.keep([ONE], [GRANT], sync=False)
    store.forget(["jti-1"], ["grant-1"])
    store.close()
    assert ReplayStore(path).open() == ([], [], False)


def test_write_that_was_kept_survives_a_killed_process(path: Path) -> None:
    """The process dies without any goodbye right after ``keep`` returned."""
    script = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from relay_bridge.agent.replay_store import Epoch, Presented, ReplayStore
        store = ReplayStore(Path(sys.argv[1]))
        store.open()
        store.keep([Presented("w", "s", 9.0)], [Epoch("g", 2, 1.0)], sync=True)
        os._exit(9)
    """)
    done = subprocess.run([sys.executable, "-c", script, str(path)], timeout=30, check=False)
    assert done.returncode == 9
    kept = ReplayStore(path).open()
    assert kept.presented == [Presented("w", "s", 9.0)] and kept.epochs == [Epoch("g", 2, 1.0)]


def test_second_agent_of_the_same_folder_gets_no_memory(path: Path) -> None:
    first, second = ReplayStore(path), ReplayStore(path)
    first.open()
    with pytest.raises(StoreFailed, match="locked"):
        second.open()
    assert first.durable and not second.durable
    with pytest.raises(StoreFailed):
        second.keep([ONE], [GRANT], sync=True)
    first.close()
    assert second.open().presented == []


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_damaged_file_is_put_aside_and_said(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = ReplayStore(path)
    assert store.open() == ([], [], True)
    assert path.with_name("admission.sqlite3.damaged").read_bytes() == content
    assert "damaged" in caplog.text
    store.keep([ONE], [GRANT], sync=True)


def test_layout_of_a_later_version_is_not_guessed_at(path: Path) -> None:
    store = ReplayStore(path)
    store.open()
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    assert ReplayStore(path).open().fresh


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreFailed, match="cannot be used"):
        ReplayStore(tmp_path / "state" / "x.sqlite3").open()


def test_file_where_the_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StoreFailed, match="cannot be used"):
        ReplayStore(tmp_path / "state" / "x.sqlite3").open()
