"""Rendezvous: a sender waits, a listener dials back to an address that is good once and for 30 seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from relay_bridge.emulator.chance import Chance
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.handshake import GATEWAY, RelayRequest
from relay_bridge.emulator.pump import Pump
from relay_bridge.emulator.refusals import Refusal


@dataclass(frozen=True)
class Rejected:
    """The listener said no, with a code and a text of its own."""

    status: int
    description: str


@dataclass(eq=False)
class Rendezvous:
    """A sender that waits. ``outcome`` is a stream, a rejection, or ends in a ``Refusal``."""

    id: str
    path_key: str
    request: RelayRequest
    connection: Connection
    outcome: asyncio.Future[Pump | Rejected]

    def settle(self, result: Pump | Rejected) -> None:
        if not self.outcome.done():
            self.outcome.set_result(result)

    def fail(self, refusal: Refusal) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(refusal)


class RendezvousBook:
    """Every rendezvous that is open now. Who opens one also discards it."""

    def __init__(self) -> None:
        self._open: dict[str, Rendezvous] = {}
        self._chance = Chance()

    def __len__(self) -> int:
        return len(self._open)

    def open(self, path_key: str, request: RelayRequest, connection: Connection) -> Rendezvous:
        """A new one. Its id is the sender's with two gateway numbers, as the service writes them; the second is chance.

        Knowing the address is all that a listener needs to dial back, so it must not be possible to guess it, and two
        senders that chose the same ``sb-hc-id`` must not get each other's listener.
        """
        identifier = f"{request.client_id}_{GATEWAY}_G{self._chance.secret()}"
        future: asyncio.Future[Pump | Rejected] = asyncio.get_running_loop().create_future()
        rendezvous = Rendezvous(identifier, path_key, request, connection, future)
        self._open[identifier] = rendezvous
        return rendezvous

    def find(self, identifier: str, path_key: str | None) -> Rendezvous | None:
        """The rendezvous that a listener names; None when it is unknown, used, late, or elsewhere."""
        found = self._open.get(identifier)
        if found is None or found.path_key != path_key or found.outcome.done():
            return None
        return found

    def discard(self, rendezvous: Rendezvous) -> None:
        self._open.pop(rendezvous.id, None)

    def fail_all(self, path_key: str | None, refusal: Refusal) -> None:
        """End those of one hybrid connection, or (None) all of them."""
        for rendezvous in list(self._open.values()):
            if path_key is None or rendezvous.path_key == path_key:
                rendezvous.fail(refusal)
