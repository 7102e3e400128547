"""What every call over ARM is answered from: the entities, the relay's own address, who listens now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relay_bridge.emulator.management.arm import Answer, ArmError, Call
from relay_bridge.emulator.management.entities import Entities
from relay_bridge.emulator.management.resources import Endpoint


@dataclass(frozen=True)
class Desk:
    """``namespace`` is the name of the one there is. ``find_endpoint`` is asked at each call: the port may be new."""

    entities: Entities
    namespace: str
    find_endpoint: Callable[[], Endpoint]
    listener_count: Callable[[str], int]

    @property
    def endpoint(self) -> Endpoint:
        return self.find_endpoint()

    def check_namespace(self, call: Call) -> None:
        """Raises ``ArmError`` 404 when the call names another namespace, or this one was deleted."""
        name = call.names["namespace"]
        if name.lower() != self.namespace.lower():
            message = f"The namespace {name[:50]!r} was not found; this relay has one, {self.namespace!r}."
            raise ArmError(404, "ResourceNotFound", message)
        self.entities.namespace()


Handler = Callable[[Desk, Call], Awaitable[Answer]]
