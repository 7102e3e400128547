"""WebSocket messages of 200 bytes through the relay, to and fro on one stream: ours beside hyco-ws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.relay_http import RequestFigure, Way, requests
from benchmarks.relay_place import RelayPlace
from benchmarks.sizes import Size

MESSAGES_IN_FLIGHT = (1, 64)


@dataclass(frozen=True)
class RelayStreams:
    """``messages``: there and back is one. ``first``: from nothing to the first message back."""

    messages: list[RequestFigure]
    first: list[RequestFigure]


async def measure(place: RelayPlace, size: Size) -> RelayStreams:
    cases = [(way, in_flight) for in_flight in MESSAGES_IN_FLIGHT for way in _ways(place, "messages")]
    first = [(way, 1) for way in _ways(place, "first_message")]
    return RelayStreams(await requests(place, size, cases), await requests(place, size, first))


def _ways(place: RelayPlace, do: str) -> Iterator[Way]:
    if place.node_sender is not None and place.node_listener is not None:
        yield Way("hyco-ws", place.node_sender, place.node_listener, do)
    yield Way("ours", place.sender, place.listener, do)
