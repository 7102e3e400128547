"""The memory of admission on good and bad days: bounded, never forgetful, and no write when it cannot remember."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from relay_bridge.agent.memories import BLIND_TIME, MAX_TOKEN_IDS, AdmissionMemory
from relay_bridge.agent.replay_store import RETRY_EVERY, Epoch, Presented, ReplayStore
from relay_bridge.contract.refusals import TokenRefused

NOW = 1_795_370_000.0


def open_memory(path: Path, now: float = NOW, **limits: int) -> AdmissionMemory:
    memory = AdmissionMemory(ReplayStore(path), **limits)
    memory.open(now)
    return memory


def remember(memory: AdmissionMemory, jti: str, now: float, *, writes: bool = False, gid: str = "g") -> None:
    memory.remember(Presented(jti, "s1", now + 150), Epoch(gid, 1, now), writes=writes)


def refused(memory: AdmissionMemory, jti: str, now: float) -> str:
    with pytest.raises(TokenRefused) as refusal:
        remember(memory, jti, now, writes=True)
    assert memory.session_of(jti) is None, "a refused token uses up nothing"
    return refusal.value.code


def test_with_a_file_made_just_now_writes_wait_until_older_ones_are_dead(tmp_path: Path) -> None:
    memory = open_memory(tmp_path / "m")
    assert refused(memory, "w", NOW + BLIND_TIME - 1) == "memory-lost"
    remember(memory, "r", NOW + 1)
    remember(memory, "w", NOW + BLIND_TIME, writes=True)
    memory.close()
    again = open_memory(tmp_path / "m", NOW + BLIND_TIME + 1)
    assert again.session_of("w") == again.session_of("r") == "s1"
    remember(again, "w2", NOW + BLIND_TIME + 2, writes=True)


def test_file_that_takes_nothing_stops_writes_and_comes_back(tmp_path: Path) -> None:
    memory = open_memory(tmp_path / "m", NOW - BLIND_TIME)
    remember(memory, "r1", NOW)
    memory.close()
    other = sqlite3.connect(tmp_path / "m", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")  # as a second agent, or a backup program, would
    memory.open(NOW)
    assert refused(memory, "w1", NOW + 1) == "memory-lost"
    remember(memory, "r2", NOW + 2)
    other.close()
    assert refused(memory, "w2", NOW + 3) == "memory-lost"  # it is not tried again at every token
    remember(memory, "w3", NOW + RETRY_EVERY, writes=True)
    memory.close()
    again = open_memory(tmp_path / "m", NOW + 61)
    assert all(again.session_of(jti) == "s1" for jti in ("r1", "r2", "w3"))


def test_higher_epoch_in_memory_wins_over_the_file(tmp_path: Path) -> None:
    memory = open_memory(tmp_path / "m", NOW - BLIND_TIME)
    memory.remember(Presented("a", "s", NOW + 1), Epoch("g", 5, NOW), writes=False)
    memory.open(NOW)
    assert memory.highest_epoch("g") == 5
    memory.close()
    assert open_memory(tmp_path / "m").highest_epoch("g") == 5


def test_at_its_bound_it_takes_a_full_load_and_refuses_the_next_write(tmp_path: Path) -> None:
    memory = open_memory(tmp_path / "m", NOW - BLIND_TIME)
    for number in range(MAX_TOKEN_IDS):
        remember(memory, f"jti-{number:022d}", NOW)
    assert refused(memory, "one too many", NOW + 1) == "memory-full"
    remember(memory, "looks on", NOW + 1)
    assert memory.session_of("looks on") is None and len(memory) == MAX_TOKEN_IDS
    remember(memory, "later", NOW + 151, writes=True)
    memory.close()
    assert (tmp_path / "m").stat().st_size < 4 * 2**20
    assert len(open_memory(tmp_path / "m", NOW + 152)) == 1
