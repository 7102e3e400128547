"""Who gives way when all places are taken."""

from __future__ import annotations

from typing import cast

import pytest

from relay_bridge.emulator import connections
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.connections import ConnectionBook


class Place:
    """Stands where a connection stands: the book keeps it, aborts it and times it out."""

    def __init__(self, deadline: float = 100.0) -> None:
        self.deadline = deadline
        self.ended = ""

    def abort(self) -> None:
        self.ended = "aborted"

    def time_out(self) -> None:
        self.ended = "timed out"


def place(deadline: float = 100.0) -> Connection:
    return cast("Connection", Place(deadline))


def ended(connection: Connection) -> str:
    return cast("Place", connection).ended


def test_longest_idle_gives_way_and_served_ones_stay() -> None:
    book = ConnectionBook(3)
    served, first, second = place(), place(), place()
    assert all(book.opened(connection) for connection in (served, first, second))
    book.served(served)
    book.served(first)
    book.waits(first)  # it has been answered, so it waits for less long than the second

    newcomer = place()
    assert book.opened(newcomer)
    assert (ended(served), ended(first), ended(second)) == ("", "", "aborted")
    assert set(book) == {served, first, newcomer}


def test_nobody_gives_way_while_all_are_served() -> None:
    book = ConnectionBook(1)
    served = place()
    book.opened(served)
    book.served(served)
    assert not book.opened(place())
    book.closed(served)
    book.waits(served)  # an answer that comes too late for its connection
    assert len(book) == 0
    assert book.opened(place())


def test_overdue_ones_are_timed_out() -> None:
    book = ConnectionBook(5)
    late, later = place(1.0), place(2.0)
    book.opened(late)
    book.opened(later)
    book.sweep(1.0)
    assert (ended(late), ended(later)) == ("timed out", "")


def test_places_are_never_more_than_the_process_has_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_descriptors", lambda: 2 * connections.SPARE_FILES + 3)
    book = ConnectionBook(5_000)
    served = [place() for _ in range(connections.SPARE_FILES + 3)]
    for connection in served:
        assert book.opened(connection)
        book.served(connection)
    assert not book.opened(place())
