"""Every HTTP request that is on its way: who carries it, which response is whose, and which has waited too long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from relay_bridge.emulator.behaviour import Behaviour
from relay_bridge.emulator.call import Call
from relay_bridge.emulator.chance import Chance
from relay_bridge.emulator.exchange import HttpExchange
from relay_bridge.emulator.faults import Faults
from relay_bridge.emulator.frames import CloseCode
from relay_bridge.emulator.handshake import RelayRequest
from relay_bridge.emulator.listeners import ControlChannel
from relay_bridge.emulator.operations import Operations
from relay_bridge.emulator.refusals import Refusal, unknown_rendezvous
from relay_bridge.emulator.service_channel import BadResponse, ListenerResponse

logger = logging.getLogger(__name__)


class RequestBook:
    """Every request that is on its way. Deadlines are seconds: to dial back, to respond, and between two fragments."""

    def __init__(
        self,
        *,
        operations: Operations,
        faults: Faults,
        refuse: Callable[[Call, RelayRequest, Refusal], None],
        accept_deadline: float,
        response_deadline: float,
        response_idle: float,
    ) -> None:
        self.operations = operations
        self.faults = faults
        self.refuse = refuse
        self.behaviour = Behaviour()
        self.chance = Chance()
        self.accept_deadline = accept_deadline
        self.response_deadline = response_deadline
        self.response_idle = response_idle
        self._open: dict[str, HttpExchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def rendezvous_count(self) -> int:
        """Sockets that listeners have dialled for one of them."""
        return sum(1 for exchange in self._open.values() if exchange.has_rendezvous)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def start(
        self, call: Call, request: RelayRequest, path_key: str, candidates: list[ControlChannel], *, hide: bool
    ) -> None:
        """Carry ``request`` to one of ``candidates``. ``hide`` keeps its ``Authorization`` from the listener."""
        exchange = HttpExchange(
            self, call, request, path_key, candidates, hide=hide, traffic=self.operations.traffic_of(path_key)
        )
        self._open[exchange.id] = exchange
        call.sink = exchange
        exchange.begin()

    def take_response(self, channel: ControlChannel, response: ListenerResponse | BadResponse) -> None:
        """A response came over a control channel. One that nobody waits for is dropped."""
        exchange = self._open.get(response.request_id)
        if exchange is None or exchange.path_key != channel.path_key:
            logger.debug("%s answered a request that nobody waits for.", channel.name)
        elif exchange.channel is not channel and not self.behaviour.answer_on_another_channel:
            logger.info("%s answered on another control channel; dropped.", channel.name)
        elif self.faults.drops_response():
            logger.info("Response to %s dropped, as asked.", exchange.request.tracking_id)
        else:
            exchange.answer(response, streamed=False)

    def find(self, identifier: str, path_key: str | None) -> HttpExchange:
        """The request whose address a listener dials; ``Refusal`` when it is unknown, used, late, or elsewhere."""
        found = self._open.get(identifier)
        if found is None or found.path_key != path_key or not found.may_be_dialled(self.behaviour):
            raise unknown_rendezvous(self.behaviour)
        return found

    def forget(self, exchange: HttpExchange) -> None:
        self._open.pop(exchange.id, None)

    def sweep(self) -> None:
        """End what has waited too long."""
        now = self.now()
        for exchange in [exchange for exchange in self._open.values() if exchange.deadline <= now]:
            exchange.too_late()

    def close(self, path_key: str | None, code: CloseCode, refusal: Refusal) -> None:
        """End those of one hybrid connection, or (None) all of them."""
        for exchange in list(self._open.values()):
            if path_key is None or exchange.path_key == path_key:
                exchange.close(code, refusal)
        if path_key is None:
            for task in self._tasks:
                task.cancel()

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
