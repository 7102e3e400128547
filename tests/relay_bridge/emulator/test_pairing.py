"""The book of open rendezvous."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.handshake import parse_relay_request
from relay_bridge.emulator.http_head import parse_head
from relay_bridge.emulator.pairing import Rejected, RendezvousBook
from relay_bridge.emulator.refusals import Refusal

HEAD = parse_head(b"GET /$hc/north?sb-hc-id=bob HTTP/1.1\r\nHost: relay")
REQUEST = parse_relay_request(HEAD, use_tls=False, remote=("::1", 1))
NOBODY = cast("Connection", None)  # the book keeps it and never looks at it


async def test_found_by_its_own_id_at_its_own_path_until_settled() -> None:
    book = RendezvousBook()
    rendezvous = book.open("north", REQUEST, NOBODY)
    assert book.find(rendezvous.id, "north") is rendezvous
    for identifier, path in [
        (rendezvous.id, "south"),
        (rendezvous.id, None),
        (rendezvous.id + "1", "north"),
        ("", "north"),
    ]:
        assert book.find(identifier, path) is None

    rendezvous.settle(Rejected(400, "no"))
    rendezvous.settle(Rejected(500, "too late"))
    assert await rendezvous.outcome == Rejected(400, "no")
    assert book.find(rendezvous.id, "north") is None
    book.discard(rendezvous)
    assert len(book) == 0


async def test_ids_cannot_be_guessed_from_the_senders() -> None:
    book = RendezvousBook()
    ids = {book.open("north", REQUEST, NOBODY).id for _ in range(100)}
    assert len(ids) == 100
    assert all(identifier.startswith("bob_G0_G") and len(identifier) > 40 for identifier in ids)


async def test_all_of_one_path_can_be_failed() -> None:
    book = RendezvousBook()
    north, south = book.open("north", REQUEST, NOBODY), book.open("south", REQUEST, NOBODY)
    book.fail_all("north", Refusal(404, "gone"))
    with pytest.raises(Refusal):
        await north.outcome
    assert not south.outcome.done()
    book.fail_all(None, Refusal(503, "stopping"))
    with pytest.raises(Refusal):
        await asyncio.wait_for(south.outcome, 1)
