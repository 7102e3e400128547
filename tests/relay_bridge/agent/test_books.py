"""What was done is asked for in every book: writes and acknowledgements alike, each person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay_bridge.agent.ack_book import AckBook
from relay_bridge.agent.alarms import answers
from relay_bridge.agent.alarms.answers import Answers
from relay_bridge.agent.alarms.store import AlarmStore
from relay_bridge.agent.books import answer_trace, answer_wstat
from relay_bridge.contract.acting import Trace, Wstat
from relay_bridge.contract.alarms import Ack, AckAnswer, AckResult, AlarmPick, Shelve
from relay_bridge.contract.errors import RequestRefused

NOW = 1_795_370_000_000
KEY, OTHER = "k" * 22, "o" * 22


def ack(key: str, count: int = 1, **other: Any) -> bytes:
    picks = [AlarmPick(f"{number:016x}", "e" * 4) for number in range(count)]
    return msgspec.json.encode(Ack(items=picks, key=key, **other))


def answered(*words: Any) -> bytes:
    return msgspec.json.encode(AckAnswer(t=NOW, res=[AckResult("a" * 16, word) for word in words]))


@pytest.mark.parametrize(
    ("words", "res"),
    [
        (("ok", "already"), "done"), (("stale", "gone", "denied"), "refused"), (("ok", "stale"), "sent"),
        (("ok", "failed"), "sent"), (("failed",), "refused"), (("ok", "failed", "unknown"), "unknown_outcome"),
    ],
)  # fmt: skip
async def test_acknowledgements_are_told(tmp_path: Path, words: tuple[str, ...], res: str) -> None:
    store = AlarmStore(tmp_path / "alarms", answers.TABLES)
    store.open()
    kept = Answers(store, lambda: NOW)
    running: set[tuple[str, str]] = set()
    book = AckBook(store, lambda sub, key: (sub, key) in running, lambda: NOW)
    await kept.begin("ann", KEY, ack(KEY, 5, c="seen"))
    running.add(("ann", KEY))
    assert (await answer_wstat([book], "ann", Wstat(key=KEY))).pending
    running.clear()
    assert (await answer_wstat([book], "ann", Wstat(key=KEY))).res == "unknown_outcome"  # the agent ended meanwhile
    await kept.finish("ann", KEY, answered(*words))
    found = await answer_wstat([book], "ann", Wstat(key=KEY))
    assert (found.res, found.pending) == (res, False)
    with pytest.raises(RequestRefused, match="not_found"):
        await answer_wstat([book], "bob", Wstat(key=KEY))
    (row,) = (await answer_trace([book], "ann", Trace(), NOW)).rows
    assert (row.what, row.res, row.why) == ("ack", res, "seen") and row.target.endswith("and 2 more")
    shelve = Shelve(item=AlarmPick("b" * 16, "e" * 4), ms=60_000, key=OTHER, c="noise")
    await kept.begin("ann", OTHER, msgspec.json.encode(shelve))
    rows = (await answer_trace([book], "ann", Trace(), NOW)).rows
    assert {row.what for row in rows} == {"ack", "shelve"}
    store.close()
    with pytest.raises(RequestRefused, match="busy"):
        await answer_wstat([book], "ann", Wstat(key=KEY))


async def test_site_without_books_does_not_say_that_nothing_was_done() -> None:
    with pytest.raises(RequestRefused, match="read_only"):
        await answer_wstat([], "ann", Wstat(key=KEY))
    with pytest.raises(RequestRefused, match="read_only"):
        await answer_trace([], "ann", Trace(), NOW)
