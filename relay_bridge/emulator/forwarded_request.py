"""A request as its listener gets it: a command, and a body in one message or in fragments (relay protocol 3.2, 3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relay_bridge.emulator.handshake import RelayRequest, request_command, request_headers
from relay_bridge.emulator.operations import Traffic
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.emulator.request_rendezvous import RequestRendezvous
from relay_bridge.protocol.limits import MAX_CONTROL_MESSAGE

if TYPE_CHECKING:
    from relay_bridge.emulator.requests import RequestBook


class ForwardedRequest:
    """``hide`` keeps the request's ``Authorization`` from the listener. What is sent counts as ``traffic``."""

    __slots__ = ("_bodies", "_book", "_fragments", "_hide", "_request", "_traffic")

    def __init__(self, book: RequestBook, request: RelayRequest, *, hide: bool, traffic: Traffic) -> None:
        self._book = book
        self._request = request
        self._hide = hide
        self._traffic = traffic
        self._bodies: list[bytes] = []  # of a small request, until it is sent
        self._fragments = 0  # of a longer body

    def text(self, address: str, identifier: str, *, has_body: bool) -> bytes:
        """The command. Raises ``Refusal`` when its headers are too long for any way."""
        headers = request_headers(self._request, hide=self._hide, forward_host=self._book.behaviour.forward_host)
        text = request_command(self._request, address, identifier, headers, has_body=has_body)
        if len(text) > 2 * MAX_CONTROL_MESSAGE:
            raise Refusal(431, f"Request headers over the limit of {MAX_CONTROL_MESSAGE} bytes")
        return text

    # A small body is sent when it is complete

    @property
    def has_small_body(self) -> bool:
        return bool(self._bodies)

    def keep(self, data: bytes) -> None:
        """A part of a small body has come."""
        self._bodies.append(data)

    def take_small_body(self) -> bytes | None:
        """What has been kept, for one message over the control channel; None when there is nothing."""
        return self._carried(self._kept()) if self._bodies else None

    def send_small_body(self, rendezvous: RequestRendezvous) -> None:
        """What has been kept, over a rendezvous."""
        self.send_fragment(rendezvous, self._kept(), last=True)

    def drop_body(self) -> None:
        self._bodies.clear()

    # A longer one, as it comes

    @property
    def has_begun(self) -> bool:
        """Some of the body is with the listener."""
        return self._fragments > 0

    def send_fragment(self, rendezvous: RequestRendezvous, data: bytes, *, last: bool) -> bool:
        """False when no more should come until the rendezvous has room."""
        first = self._fragments == 0
        self._fragments += 1
        return rendezvous.send_body(self._carried(data), first=first, last=last)

    def _kept(self) -> bytes:
        body = self._bodies[0] if len(self._bodies) == 1 else b"".join(self._bodies)
        self._bodies.clear()
        return body

    def _carried(self, data: bytes) -> bytes:
        self._traffic.to_listener += len(data)
        return self._book.faults.tamper(data)
