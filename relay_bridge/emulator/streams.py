"""Every stream, and every sender that waits for one: a listener is told, dials back, and the two sockets are joined.

Relay protocol, section 4. Who may do so was checked before (switchboard.py); what a joined stream carries is the
business of its pump.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.call import Call
from relay_bridge.emulator.connection import Connection
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.handshake import RelayRequest, accept_command, chosen_subprotocol, switching_protocols
from relay_bridge.emulator.listeners import ControlChannel, find_room
from relay_bridge.emulator.operations import Operations
from relay_bridge.emulator.pairing import Rejected, Rendezvous, RendezvousBook
from relay_bridge.emulator.pump import Pump
from relay_bridge.emulator.recorder import Recorder
from relay_bridge.emulator.refusals import Refusal, rejection, unknown_rendezvous


class StreamBook:
    """Every stream of a relay. ``accept_deadline`` is how long (seconds) a listener has to dial back."""

    def __init__(
        self,
        *,
        operations: Operations,
        faults: Faults,
        refuse: Callable[[Call, RelayRequest, Refusal], None],
        recorder: Recorder | None,
        accept_deadline: float,
    ) -> None:
        self.operations = operations
        self.behaviour = Behaviour()
        self.waiting = RendezvousBook()  # senders without a listener
        self.pumps: set[Pump] = set()  # joined streams
        self._faults = faults
        self._refuse = refuse
        self._recorder = recorder
        self._accept_deadline = accept_deadline
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def socket_count(self) -> int:
        """Waiting senders, and both ends of every stream."""
        return len(self.waiting) + 2 * len(self.pumps)

    def start(
        self, call: Call, request: RelayRequest, path_key: str, candidates: list[ControlChannel], *, hide: bool
    ) -> None:
        """Tell one of ``candidates`` of the sender. ``hide`` keeps its ``Authorization`` from the listener."""
        self.operations.record("NewSenderRegistering", path_key, request.tracking_id)
        rendezvous = self.waiting.open(path_key, request, call.connection)
        task = asyncio.get_running_loop().create_task(self._pair(rendezvous, call, candidates, hide=hide))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        call.sink = WaitingSender(task)

    async def _pair(self, rendezvous: Rendezvous, call: Call, candidates: list[ControlChannel], *, hide: bool) -> None:
        request, path_key = rendezvous.request, rendezvous.path_key
        try:
            try:
                async with asyncio.timeout(self._accept_deadline):
                    if self._faults.accept_delay:
                        await asyncio.sleep(self._faults.accept_delay)
                    await self._tell_one(candidates, request, rendezvous.id, hide=hide)
                    outcome = await rendezvous.outcome
            except TimeoutError:
                self.operations.record("ListenerAcceptingConnectionTimeout", path_key, request.tracking_id)
                raise self._nobody_accepted() from None
            finally:
                self.waiting.discard(rendezvous)
        except Refusal as refusal:
            self._refuse(call, request, refusal)
        else:
            if isinstance(outcome, Rejected):
                self.operations.record(
                    "ListenerRejectedConnection", path_key, request.tracking_id, f"with {outcome.status}"
                )
                call.respond(rejection(outcome.status, outcome.description), close=True)
            else:
                self.operations.joined(asyncio.get_running_loop().time() - call.started_at)

    async def _tell_one(
        self, candidates: list[ControlChannel], sender: RelayRequest, identifier: str, *, hide: bool
    ) -> None:
        """Send ``accept`` to the first listener that can still be written to."""
        channel = await find_room(candidates)
        if channel is None:
            if any(candidate.is_usable for candidate in candidates):
                raise self._nobody_accepted()
            raise Refusal(
                self.behaviour.no_listener_connect_status, "There are no listeners connected for the endpoint"
            )
        channel.send(accept_command(sender, channel.request, identifier, hide=hide))

    def find(self, identifier: str, path_key: str | None) -> Rendezvous:
        """The sender whose address a listener dials; ``Refusal`` when it is unknown, used, late, or elsewhere."""
        found = self.waiting.find(identifier, path_key)
        if found is None:
            raise unknown_rendezvous(self.behaviour)
        if self._faults.accepts_refused:
            found.fail(self._nobody_accepted())
            raise unknown_rendezvous(self.behaviour)
        return found

    def join(self, rendezvous: Rendezvous, request: RelayRequest, connection: Connection) -> None:
        """The listener accepts: ``connection`` and the sender's become one stream."""
        sender = rendezvous.request
        pump = Pump(
            rendezvous.path_key,
            sender.tracking_id,
            rendezvous.connection,
            connection,
            finished=self._finished,
            tampers=self._faults.tampers,
            traffic=self.operations.traffic_of(rendezvous.path_key),
            record=self._recorder.stream() if self._recorder is not None else None,
        )
        subprotocol = chosen_subprotocol(request)
        self.pumps.add(pump)
        if not pump.join(switching_protocols(sender, subprotocol), switching_protocols(request, subprotocol)):
            self.pumps.discard(pump)
            raise Refusal(self.behaviour.bad_rendezvous_status, "The sender of this rendezvous is gone")
        rendezvous.settle(pump)
        self.operations.record("SenderListenerConnectionEstablished", pump.path_key, sender.tracking_id)

    def close(self, path_key: str | None, code: CloseCode, reason: str, refusal: Refusal) -> None:
        """End those of one hybrid connection, or (None) all of them."""
        for pump in list(self.pumps):
            if path_key in {None, pump.path_key}:
                pump.close(code, reason)
        self.waiting.fail_all(path_key, refusal)

    def _finished(self, pump: Pump) -> None:
        self.pumps.discard(pump)
        self.operations.record("SenderConnectionClosed", pump.path_key, pump.tracking_id)

    def _nobody_accepted(self) -> Refusal:
        return Refusal(
            self.behaviour.accept_timeout_status,
            "None of the connected listeners accepted the connection within the allowed timeout",
        )


class WaitingSender:
    """A WebSocket sender before its answer: it may hang up, and has no body."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def body_received(self, data: bytes) -> None:
        return

    def body_complete(self) -> None:
        return

    def writing_resumed(self) -> None:
        return

    def caller_lost(self) -> None:
        self._task.cancel()
