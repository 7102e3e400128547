"""The agent's journal: chained, signed, bounded; continued over restarts; what is changed in it is found."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay_bridge.agent.counterpart import Counterpart
from relay_bridge.agent.journal import REOPEN_AFTER, Journal
from relay_bridge.agent.journal_budget import BURST
from relay_bridge.agent.journal_check import verify_journal
from relay_bridge.agent.journal_files import journal_files, read_events
from relay_bridge.agent.journal_key import JournalKey, create_journal_key
from relay_bridge.contract.audit import NO_HASH, Checkpoint, hash_of

DAY_MS = 24 * 3600 * 1000


class Time:
    wall = 1_790_000_000_000  # epoch ms
    monotonic = 100.0  # s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make(tmp_path: Path, time: Time) -> Callable[..., Journal]:
    def journal(**settings: Any) -> Journal:
        settings.setdefault("keep_days", 400)
        return Journal(
            tmp_path / "audit", "north", wall_ms=lambda: time.wall, monotonic=lambda: time.monotonic, **settings
        )

    return journal


def write(journal: Journal, count: int, time: Time | None = None) -> None:
    for number in range(count):
        journal.record("agent:lease:ended", result="done", reason=f"number {number}")
        if time is not None:
            time.monotonic += 1


def test_events_are_chained_and_continued_after_a_restart(make: Callable[..., Journal], tmp_path: Path) -> None:
    for _ in range(2):
        journal = make()
        journal.open()
        write(journal, 3)
        journal.close()
    (file,) = journal_files(tmp_path / "audit")
    events = list(read_events(file))
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.previous for event in events] == [NO_HASH, *(event.hash for event in events[:-1])]
    assert all(hash_of(event) == event.hash and event.chain == "site:north" for event in events)
    assert verify_journal(tmp_path / "audit", "site:north").last == 6
    assert file.stat().st_mode & 0o077 == 0 and (tmp_path / "audit" / "key.pem").stat().st_mode & 0o077 == 0


async def test_burst_on_the_event_loop_is_signed_with_one_sync(make: Callable[..., Journal], tmp_path: Path) -> None:
    journal = make()
    journal.open()
    write(journal, 20)
    assert journal._syncing is not None
    await journal._syncing
    head = msgspec.json.decode((tmp_path / "audit" / "head.json").read_bytes(), type=Checkpoint)
    assert (head.seq, head.hash) == journal.head
    journal.close()


def test_files_are_rotated_and_bounded_and_the_chain_holds(
    make: Callable[..., Journal], tmp_path: Path, time: Time
) -> None:
    journal = make(max_file=2000, max_files=4)
    journal.open()
    write(journal, 60, time)
    journal.close()
    assert len(journal_files(tmp_path / "audit")) <= 5
    verdict = verify_journal(tmp_path / "audit", "site:north")
    assert not verdict.bad and verdict.first > 1 and verdict.last == 60


def test_old_events_go_after_their_days(make: Callable[..., Journal], tmp_path: Path, time: Time) -> None:
    journal = make(max_file=2000, keep_days=30)
    journal.open()
    write(journal, 20, time)
    time.wall += 31 * DAY_MS
    write(journal, 20, time)
    journal.close()
    verdict = verify_journal(tmp_path / "audit", "site:north")
    assert not verdict.bad and 10 < verdict.first <= 21


@pytest.mark.parametrize("seed", range(24))
def test_t24_every_manipulation_of_the_file_is_found(make: Callable[..., Journal], tmp_path: Path, seed: int) -> None:
    journal = make()
    journal.open()
    write(journal, 30)
    journal.close()
    (file,) = journal_files(tmp_path / "audit")
    lines, chance = file.read_bytes().splitlines(keepends=True), random.Random(seed)
    row = chance.randint(1, 29)
    match seed % 6:
        case 0:
            lines[row - 1] = lines[row - 1].replace(b'"number ', b'"numbeR ')
        case 1:
            del lines[row - 1]
        case 2:
            lines[row - 1], lines[row] = lines[row], lines[row - 1]
        case 3:
            lines = lines[: row - 1]  # the tail is cut
        case 4:
            event = json.loads(lines[row - 1]) | {"reason": "forged"}
            event["hash"] = "0" * 64
            lines[row - 1] = json.dumps(event).encode() + b"\n"
        case 5:
            lines[row - 1] = b"no event at all\n"
    file.write_bytes(b"".join(lines))
    verdict = verify_journal(tmp_path / "audit", "site:north")
    assert verdict.bad == row, verdict


def test_tail_that_was_cut_is_recorded_at_the_next_start(make: Callable[..., Journal], tmp_path: Path) -> None:
    journal = make()
    journal.open()
    write(journal, 5)
    journal.close()
    (file,) = journal_files(tmp_path / "audit")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:2]))
    journal = make()
    journal.open()
    journal.close()
    last = list(read_events(journal_files(tmp_path / "audit")[-1]))[-1]
    assert (last.tag, last.seq) == ("agent:journal:damaged", 6)  # no number is given twice
    assert verify_journal(tmp_path / "audit", "site:north").bad == 3


def test_line_that_was_being_written_when_the_power_went_is_left_out(
    make: Callable[..., Journal], tmp_path: Path
) -> None:
    journal = make()
    journal.open()
    write(journal, 3)
    journal.close()
    (file,) = journal_files(tmp_path / "audit")
    with file.open("ab") as torn:
        torn.write(b'{"chain":"site:north","seq":4')
    journal = make()
    journal.open()
    write(journal, 1)
    journal.close()
    assert verify_journal(tmp_path / "audit", "site:north").last == 4


def test_only_one_agent_writes_a_journal(make: Callable[..., Journal], caplog: pytest.LogCaptureFixture) -> None:
    first, second = make(), make()
    first.open()
    second.open()
    assert first.available and not second.available
    assert "Another agent writes the journal" in caplog.text
    first.close()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").is_dir(), reason="needs a folder that takes nothing")
def test_folder_that_takes_nothing_is_told_and_tried_again(
    make: Callable[..., Journal], tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "audit").write_text("a file where the folder should be")
    journal = make()
    journal.open()
    assert not journal.available and "takes no events" in caplog.text
    assert journal.record("agent:lease:ended", result="done") is None
    (tmp_path / "audit").unlink()
    time.monotonic += REOPEN_AFTER
    assert journal.record("agent:lease:ended", result="done") is not None
    journal.close()


def test_flood_is_counted_instead_of_written(make: Callable[..., Journal], tmp_path: Path, time: Time) -> None:
    journal = make()
    journal.open()
    write(journal, int(BURST) + 50)
    time.monotonic += 10
    write(journal, 1)
    journal.close()
    events = list(read_events(journal_files(tmp_path / "audit")[0]))
    assert len(events) == BURST + 2
    assert (events[-2].tag, events[-2].facts) == ("agent:journal:overflowed", {"count": "50"})


def test_unlisted_and_secret_are_refused(make: Callable[..., Journal]) -> None:
    journal = make()
    with pytest.raises(KeyError):
        journal.record("agent:unheard:of", result="done")
    with pytest.raises(ValueError, match="looks like a key"):
        journal.record("agent:config:loaded", result="done", facts={"version": "eyJhbGciOiJFZERTQSJ9.eyJzIn0.x"})


# --- the counterpart -------------------------------------------------------------------------------------------------


@pytest.fixture
def web(tmp_path: Path) -> JournalKey:
    return create_journal_key(tmp_path / "web.pem")


def tags(journal: Journal) -> list[str]:
    return [event.tag for file in journal_files(journal.folder) for event in read_events(file)]


def test_web_apps_checkpoints_are_kept_and_never_go_back(make: Callable[..., Journal], web: JournalKey) -> None:
    journal = make()
    journal.open()
    counterpart = Counterpart(journal)
    first, second = web.checkpoint("web", 5, "a" * 64, 1), web.checkpoint("web", 9, "b" * 64, 2)
    assert counterpart.take(first) is None
    assert counterpart.take(second) == first
    for bad in (first, web.checkpoint("web", 9, "c" * 64, 3), msgspec.structs.replace(second, seq=12)):
        assert counterpart.take(bad) == second
        assert counterpart.take(bad) == second  # said once
    assert counterpart.held() == second
    assert tags(journal) == ["audit:counterpart:contradicted"] * 3
    journal.close()


async def test_journal_that_was_cut_is_found_through_what_the_web_app_keeps(
    make: Callable[..., Journal], web: JournalKey
) -> None:
    journal = make()
    journal.open()
    write(journal, 4)
    kept = journal.checkpoint()
    write(journal, 2)
    counterpart = Counterpart(journal)
    assert kept is not None and await counterpart.agrees(kept)
    assert not await counterpart.agrees(msgspec.structs.replace(kept, hash="0" * 64))
    assert not await counterpart.agrees(msgspec.structs.replace(kept, seq=99))
    assert tags(journal)[-2:] == ["audit:counterpart:contradicted"] * 2
    journal.close()


def test_an_old_file_that_was_changed_keeps_nobody_from_recording_and_goes_in_its_turn(
    make: Callable[..., Journal], tmp_path: Path, time: Time
) -> None:
    journal = make(max_file=2000, max_files=4)
    journal.open()
    write(journal, 8, time)
    oldest = journal_files(tmp_path / "audit")[0]
    oldest.write_bytes(oldest.read_bytes().replace(b"number", b"nUmber")[:-5])
    write(journal, 40, time)
    assert journal.available and not oldest.exists()
    journal.close()
    verdict = verify_journal(tmp_path / "audit", "site:north")
    assert (verdict.bad, verdict.last) == (0, 48)


def test_a_file_that_begins_with_no_event_is_kept_and_events_go_on(
    make: Callable[..., Journal], tmp_path: Path, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    journal = make(max_file=2000, max_files=4)
    journal.open()
    write(journal, 12, time)
    second = journal_files(tmp_path / "audit")[1]
    second.write_bytes(b"{}\n" + second.read_bytes())
    write(journal, 40, time)
    assert journal.available and second.exists() and "are kept, because" in caplog.text
    journal.close()


def test_a_folder_that_failed_is_tried_again_though_nobody_records(
    make: Callable[..., Journal], tmp_path: Path, time: Time
) -> None:
    (tmp_path / "audit").write_text("in the way")
    journal = make()
    journal.open()
    (tmp_path / "audit").unlink()
    journal.revive()
    assert not journal.available
    time.monotonic += REOPEN_AFTER
    journal.revive()
    assert journal.available
    journal.close()
    journal.revive()
    assert not journal.available  # it was closed, and did not fail


def test_an_outcome_is_recorded_in_a_flood_of_others(make: Callable[..., Journal], tmp_path: Path) -> None:
    journal = make()
    journal.open()
    write(journal, int(BURST) + 50)
    assert journal.record("agent:lease:ended", result="done") is None
    assert journal.record("agent:lease:ended", result="done", reason="owed", owed=True) is not None
    assert journal.record("agent:lease:ended", result="done") is None
    journal.close()
    (file,) = journal_files(tmp_path / "audit")
    assert [event.reason for event in read_events(file)][-1] == "owed"
