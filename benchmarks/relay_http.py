"""HTTP through the relay: our sender and listener beside Microsoft's, in one run, in turns.

Small requests (200 bytes), bodies of 1 MB either way, and how long it takes from nothing to the first byte. Beside them
the same handler without any relay, and requests that share one sealed session instead of being HTTP at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.figures import Spread
from benchmarks.relay_listener import BIG
from benchmarks.relay_place import HYCO_HTTPS, OURS, RelayPlace, Window
from benchmarks.sizes import Size
from benchmarks.worker import Worker

WARM_UP = 0.15  # seconds, or less when the measurement itself is shorter
BODIES_IN_FLIGHT = 4


@dataclass(frozen=True)
class Way:
    """``do`` and ``order`` are what the sender is told."""

    name: str
    sender: Worker
    listener: Worker
    do: str = "get"
    order: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestFigure:
    """One row: delays in ms, CPU in µs for each request of each process. ``failed``: of all rounds together."""

    way: str
    in_flight: int
    rate: Spread
    p50: Spread
    p99: Spread
    sender_cpu: float
    relay_cpu: float
    listener_cpu: float
    failed: int

    @classmethod
    def of(cls, way: str, in_flight: int, windows: list[Window]) -> RequestFigure:
        def spread(name: str) -> Spread:
            return Spread.of([getattr(window, name) for window in windows])

        return cls(
            way=way,
            in_flight=in_flight,
            rate=spread("rate"),
            p50=spread("p50"),
            p99=spread("p99"),
            sender_cpu=spread("sender_cpu").median,
            relay_cpu=spread("relay_cpu").median,
            listener_cpu=spread("listener_cpu").median,
            failed=sum(window.failed for window in windows),
        )


@dataclass(frozen=True)
class BodyFigure:
    """1 MB bodies. ``direction``: "up" in requests, "down" in answers; ``rate`` in MB/s; CPU in ms for each MB."""

    way: str
    direction: str
    rate: Spread
    sender_cpu: float
    relay_cpu: float
    listener_cpu: float
    failed: int


@dataclass(frozen=True)
class RelayHttp:
    requests: list[RequestFigure]
    bodies: list[BodyFigure]
    first: list[RequestFigure]


async def measure(place: RelayPlace, size: Size) -> RelayHttp:
    small = [
        (way, in_flight) for in_flight in size.in_flight for way in (*_ways(place), *_direct(place), *_session(place))
    ]
    first = [(Way(way.name, way.sender, way.listener, "first_byte", way.order), 1) for way in _ways(place, mixed=False)]
    return RelayHttp(
        await requests(place, size, small),
        await _bodies(place, size),
        await requests(place, size, first),
    )


async def requests(place: RelayPlace, size: Size, cases: list[tuple[Way, int]]) -> list[RequestFigure]:
    """Every case once a round, so that noise of the machine falls on all of them."""
    windows: list[list[Window]] = [[] for _ in cases]
    most = max(in_flight for _, in_flight in cases)
    for way, in_flight in cases:
        if in_flight == most:  # what compiles itself while it runs shall have done so
            await way.sender.ask(way.do, in_flight=in_flight, seconds=size.relay_seconds, **way.order)
    for _ in range(size.relay_rounds):
        for (way, in_flight), into in zip(cases, windows, strict=True):
            await way.sender.ask(way.do, in_flight=in_flight, seconds=min(WARM_UP, size.relay_seconds), **way.order)
            into.append(
                await place.window(
                    way.sender, way.listener, way.do, in_flight=in_flight, seconds=size.relay_seconds, **way.order
                )
            )
    return [RequestFigure.of(way.name, in_flight, into) for (way, in_flight), into in zip(cases, windows, strict=True)]


def _ways(place: RelayPlace, *, mixed: bool = True) -> Iterator[Way]:
    if place.node_sender is not None and place.node_listener is not None:
        yield Way("hyco-https", place.node_sender, place.node_listener, order={"path": HYCO_HTTPS})
        if mixed:
            yield Way("mixed", place.node_sender, place.listener, order={"path": OURS})
    yield Way("ours", place.sender, place.listener)


def _direct(place: RelayPlace) -> Iterator[Way]:
    if place.node_sender is not None and place.node_listener is not None:
        yield Way("direct-node", place.node_sender, place.node_listener, order={"path": HYCO_HTTPS, "direct": True})
    yield Way("direct-ours", place.sender, place.listener, order={"direct": True})


def _session(place: RelayPlace) -> Iterator[Way]:
    yield Way("session", place.sender, place.listener, "session")


async def _bodies(place: RelayPlace, size: Size) -> list[BodyFigure]:
    cases = [
        (direction, way, {"do": "post"} if direction == "up" else {"do": "get", "suffix": "big", "bytes": len(BIG)})
        for direction in ("up", "down")
        for way in _ways(place, mixed=False)
    ]
    windows: list[list[Window]] = [[] for _ in cases]
    for _ in range(size.relay_rounds):
        for (_, way, order), into in zip(cases, windows, strict=True):
            into.append(
                await place.window(
                    way.sender,
                    way.listener,
                    **order,
                    **way.order,
                    in_flight=BODIES_IN_FLIGHT,
                    seconds=size.relay_seconds,
                )
            )
    megabytes = len(BIG) / 1e6
    return [
        BodyFigure(
            way=way.name,
            direction=direction,
            rate=Spread.of([window.rate * megabytes for window in into]),
            sender_cpu=Spread.of([window.sender_cpu for window in into]).median / megabytes / 1000,
            relay_cpu=Spread.of([window.relay_cpu for window in into]).median / megabytes / 1000,
            listener_cpu=Spread.of([window.listener_cpu for window in into]).median / megabytes / 1000,
            failed=sum(window.failed for window in into),
        )
        for (direction, way, _), into in zip(cases, windows, strict=True)
    ]
