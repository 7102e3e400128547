"""The file of keys by itself: what it keeps, what it never changes, and that a file it cannot use closes acting."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from relay_bridge.agent.acting import key_store
from relay_bridge.agent.acting.key_store import KeyStore, StoreFailed
from relay_bridge.agent.acting.wish import Wish, shown
from relay_bridge.contract.acting import ActAnswer, Outcome

NOW = 1_795_370_000_000


def wish(key: str = "k" * 22, sub: str = "ann", value: float = 1.0) -> Wish:
    return Wish("write", "P-101.sp", value, "%", 0.0, key, NOW, "why", sub, "session")


def answer(res: Outcome, key: str = "k" * 22) -> ActAnswer:
    return ActAnswer(res=res, t=NOW, key=key)


async def opened(path: Path) -> KeyStore:
    store = KeyStore(path, lambda: NOW)
    await store.open()
    return store


async def test_outcome_that_was_told_once_stays(tmp_path: Path) -> None:
    store = await opened(tmp_path / "keys")
    await store.begin(wish(), "aid")
    found = await store.find("k" * 22)
    assert found is not None and found.answer is None and found.body == wish().body
    await store.finish("k" * 22, answer("done"))
    await store.finish("k" * 22, answer("refused"))
    with pytest.raises(StoreFailed, match="UNIQUE"):
        await store.begin(wish(value=2.0), "aid")
    found = await store.find("k" * 22)
    assert found is not None and found.answer is not None and found.answer.res == "done"
    await store.close()
    with pytest.raises(StoreFailed):
        await store.find("k" * 22)


async def test_file_is_the_agents_own(tmp_path: Path) -> None:
    path = tmp_path / "state" / "keys"
    path.parent.mkdir()
    path.touch(mode=0o644)
    store = await opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await store.close()


async def test_slow_disk_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = await opened(tmp_path / "keys")
    monkeypatch.setattr(key_store, "PATIENCE", 0.05)
    gate = threading.Event()
    assert store._worker is not None
    store._worker.submit(gate.wait, 5)  # the disk takes its time
    with pytest.raises(StoreFailed, match="did not answer"):
        await store.begin(wish(), "aid")
    gate.set()
    monkeypatch.setattr(key_store, "PATIENCE", 5.0)
    assert await store.find("k" * 22) is not None  # it came to the disk all the same, and is pending there
    await store.close()
    again = KeyStore(tmp_path / "keys", lambda: NOW)
    assert [found.key for found in await again.open()] == ["k" * 22]
    await again.close()


async def test_unknown_layout_is_left_alone(tmp_path: Path) -> None:
    store = await opened(tmp_path / "keys")
    assert store._connection is not None
    store._connection.execute("PRAGMA user_version=9")
    await store.close()
    with pytest.raises(StoreFailed, match="layout 9"):
        await opened(tmp_path / "keys")


def test_body_is_the_wish_and_not_the_way_it_came() -> None:
    one = wish()
    assert one.body == Wish(**(vars(one) | {"at": NOW + 5, "session": "other", "key": "x" * 22})).body
    for other in ({"value": 1.5}, {"value": True}, {"value": "1.0"}, {"sub": "bob"}, {"why": ""}, {"unit": "m"}):
        assert one.body != Wish(**(vars(one) | other)).body


def test_what_looks_like_a_key_is_not_journalled() -> None:
    assert "[removed" in shown("A1b2C3d4" * 8)
    assert shown(75.0) == "75.0" and shown(None) == "null"
