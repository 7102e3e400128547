"""The file of the alarms: what it promises, and what happens when the disk does not keep its side."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from relay_bridge.agent.alarms.store import RETRY_EVERY, AlarmStore, StoreFailed

TABLES = ("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)",)


def put(name: str):
    return lambda connection: connection.execute("INSERT INTO things VALUES (?)", (name,)).rowcount


def names(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM things ORDER BY name")]


@pytest.fixture
def store(tmp_path: Path):
    made = AlarmStore(tmp_path / "state" / "alarms.sqlite3", TABLES)
    made.open()
    yield made
    made.close()


async def test_what_was_written_is_there_after_a_restart_and_nobody_else_can_read_it(store: AlarmStore) -> None:
    assert store.durable
    await store.write(put("a"), sync=True)
    await store.write(put("b"), sync=False)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    store.close()
    store.open()
    assert await store.read(names) == ["a", "b"]


async def test_a_failed_write_leaves_nothing_half_done(store: AlarmStore) -> None:
    def twice(connection: sqlite3.Connection) -> None:
        put("a")(connection)
        put("a")(connection)

    with pytest.raises(StoreFailed):
        await store.write(twice, sync=True)
    assert not store.durable
    store.close()
    store.open()
    assert await store.read(names) == []


async def test_a_folder_that_cannot_be_used_is_tried_again_after_a_while(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    now = [100.0]
    store = AlarmStore(tmp_path / "state" / "alarms.sqlite3", TABLES, lambda: now[0])
    store.open()
    assert not store.durable
    (tmp_path / "state").unlink()
    with pytest.raises(StoreFailed):
        await store.write(put("a"), sync=True)
    now[0] += RETRY_EVERY
    await store.write(put("a"), sync=True)
    assert store.durable
    store.close()


async def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "alarms.sqlite3"
    path.write_bytes(b"this is no database at all" * 100)
    store = AlarmStore(path, TABLES)
    store.open()
    assert store.durable
    assert await store.read(names) == []
    assert path.with_name("alarms.sqlite3.damaged").exists()
    store.close()


async def test_a_second_agent_of_the_same_folder_finds_out(store: AlarmStore) -> None:
    await store.write(put("a"), sync=True)
    second = AlarmStore(store.path, TABLES)
    second.open()
    assert not second.durable
    second.close()
    assert await store.read(names) == ["a"]


async def test_closed_it_says_so(store: AlarmStore) -> None:
    store.close()
    with pytest.raises(StoreFailed):
        await store.read(names)
    with pytest.raises(StoreFailed):
        store.write_now(put("a"))
