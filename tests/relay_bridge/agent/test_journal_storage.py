"""A journal that fills up says so at 75 % and at 90 % of its bound, once each, and when there is room again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from relay_bridge.agent.journal import Journal
from relay_bridge.agent.journal_files import journal_files
from relay_bridge.agent.journal_storage import JournalStorage

BOUND = 1000


@pytest.fixture
def storage(tmp_path: Path) -> JournalStorage:
    return JournalStorage(tmp_path, bound=BOUND, keep_days=400)


def fill(folder: Path, size: int) -> None:
    (folder / "journal-000000000001.jsonl").write_bytes(b"x" * size)


def test_each_threshold_is_told_once(storage: JournalStorage, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    levels = []
    for size in (0, 740, 760, 800, 910, 990, 500, 760):
        fill(tmp_path, size)
        caplog.clear()
        found = storage.look()
        assert found is not None
        levels.append((size, [record.levelno for record in caplog.records]))
    assert levels == [
        (0, []), (740, []), (760, [logging.WARNING]), (800, []), (910, [logging.ERROR]), (990, []),
        (500, [logging.INFO]), (760, [logging.WARNING]),
    ]  # fmt: skip
    assert "76% of" in caplog.text and "400 days" in caplog.text


def test_room_again_is_told(storage: JournalStorage, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fill(tmp_path, 950)
    storage.look()
    fill(tmp_path, 10)
    storage.look()
    assert "room for the journal again" in caplog.text


def test_folder_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    found = JournalStorage(tmp_path / "nowhere", bound=BOUND, keep_days=400).look()
    assert found is None


def test_journal_says_it_before_the_first_event_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Through the journal's own rotation: small files, and the warning is there while all events still are."""
    journal = Journal(
        tmp_path / "audit", "north", keep_days=400, wall_ms=lambda: 1_790_000_000_000, monotonic=lambda: 0.0,
        max_file=2_000, max_files=10,
    )  # fmt: skip
    journal.open()
    while "are used" not in caplog.text:
        assert journal.record("agent:session:opened", result="done", session="s" * 20) is not None
    assert (tmp_path / "audit" / "journal-000000000001.jsonl") in journal_files(tmp_path / "audit")
    journal.close()
