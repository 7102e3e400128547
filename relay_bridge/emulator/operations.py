"""What happens in the relay, under the service's own names: one line in the log each, and counts for the metrics.

Everything here is called on the way of a request or a fragment, so it counts in plain integers and nothing else.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, get_args

from relay_bridge.emulator.refusals import printable

logger = logging.getLogger(__name__)

# The diagnostic operations of the service (relay protocol 10).
Operation = Literal[
    "NewListenerRegistered",
    "ListenerUnregistered",
    "ListenerClosingFromExpiredToken",
    "NewSenderRegistering",
    "SenderListenerConnectionEstablished",
    "SenderConnectionClosed",
    "ListenerRejectedConnection",
    "ListenerAcceptingConnectionTimeout",
    "SenderSentHttpRequest",
    "ListenerSentHttpResponse",
    "ListenerUnresponsive",
    "AuthorizationFailed",
    "InvalidSasToken",
]
OPERATIONS: Final[tuple[str, ...]] = get_args(Operation)

Direction = Literal["to_listener", "to_sender"]
# What a refused caller wanted: the three handshakes, an HTTP request, or an address that could not be read.
Wanted = Literal["listen", "connect", "accept", "request", "unknown"]

# Seconds. An accept has 30 of them, an HTTP response 60.
DURATION_BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
UNKNOWN_PATH: Final = ""  # where everything is counted that names no hybrid connection of the configuration

_LEVELS: Final[dict[str, int]] = {
    "ListenerClosingFromExpiredToken": logging.WARNING,
    "ListenerAcceptingConnectionTimeout": logging.WARNING,
    "ListenerUnresponsive": logging.WARNING,
    "AuthorizationFailed": logging.WARNING,
    "InvalidSasToken": logging.WARNING,
    # Two lines for every HTTP request would cost more than carrying it.
    "SenderSentHttpRequest": logging.DEBUG,
    "ListenerSentHttpResponse": logging.DEBUG,
}


class Traffic:
    """Payload bytes carried for one hybrid connection. A hot path may keep it and add to it by itself."""

    __slots__ = ("to_listener", "to_sender")

    def __init__(self) -> None:
        self.to_listener = 0
        self.to_sender = 0


class Durations:
    """How long something took: a count for each of ``DURATION_BOUNDS`` and one for the rest."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(DURATION_BOUNDS) + 1)
        self.total = 0.0  # seconds

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(DURATION_BOUNDS, seconds)] += 1
        self.total += seconds


class Operations:
    """The counts of one relay, from its start.

    A path is counted under its own name only when the configuration has it (``know``): what strangers ask for must not
    fill memory. ``path_key`` is the path in lower case without outer slashes.
    """

    def __init__(self, path_keys: Iterable[str] = ()) -> None:
        self._known = frozenset(path_keys)
        self.counts: Counter[tuple[str, str]] = Counter()  # by operation and path
        self.refusals: Counter[tuple[str, int]] = Counter()  # by what was wanted and status
        self.responses: Counter[tuple[str, int]] = Counter()  # HTTP, by path and hundreds of the status
        self.traffic: dict[str, Traffic] = {}
        self.accepts = Durations()  # from a sender's handshake to its joined stream
        self.exchanges = Durations()  # from an HTTP request's head to the end of its response

    def know(self, path_keys: Iterable[str]) -> None:
        """These are the configured paths from now on. What was counted of others stays, as that of no path: a sum over
        all paths never falls."""
        self._known = frozenset(path_keys)
        for (operation, path_key), count in list(self.counts.items()):
            if self._counted(path_key) != path_key:
                del self.counts[operation, path_key]
                self.counts[operation, UNKNOWN_PATH] += count
        for (path_key, hundreds), count in list(self.responses.items()):
            if self._counted(path_key) != path_key:
                del self.responses[path_key, hundreds]
                self.responses[UNKNOWN_PATH, hundreds] += count
        for path_key in [path_key for path_key in self.traffic if self._counted(path_key) != path_key]:
            gone = self.traffic.pop(path_key)
            rest = self.traffic_of(UNKNOWN_PATH)
            rest.to_listener += gone.to_listener
            rest.to_sender += gone.to_sender

    def record(
        self, operation: Operation, path_key: str, tracking_id: str, text: str = "", level: int | None = None
    ) -> None:
        """Log and count ``operation``. ``text`` says more, without a full stop; never a key or a token."""
        self.counts[operation, self._counted(path_key)] += 1
        level = _LEVELS.get(operation, logging.INFO) if level is None else level
        if logger.isEnabledFor(level):
            more = f": {printable(text)}" if text else ""
            logger.log(level, "%s: %s at %s%s.", operation, printable(tracking_id), printable(path_key), more)

    def carried(self, path_key: str, direction: Direction, n: int) -> None:
        """``n`` more bytes of payload: of a WebSocket, or of an HTTP body."""
        traffic = self.traffic_of(path_key)
        if direction == "to_listener":
            traffic.to_listener += n
        else:
            traffic.to_sender += n

    def traffic_of(self, path_key: str) -> Traffic:
        """The byte counts of a hybrid connection, to be added to directly."""
        path_key = self._counted(path_key)
        traffic = self.traffic.get(path_key)
        if traffic is None:
            traffic = self.traffic[path_key] = Traffic()
        return traffic

    def refused(self, status: int, wanted: Wanted = "unknown") -> None:
        """The relay itself said no. A listener's own rejection is none."""
        self.refusals[wanted, status if 100 <= status <= 599 else 0] += 1

    def joined(self, seconds: float) -> None:
        """A sender's stream stands, ``seconds`` after its handshake arrived."""
        self.accepts.observe(seconds)

    def responded(self, path_key: str, status: int, seconds: float) -> None:
        """An HTTP response has left, the listener's or the relay's, ``seconds`` after the request's head arrived."""
        self.responses[self._counted(path_key), min(max(status // 100, 1), 9)] += 1
        self.exchanges.observe(seconds)

    def _counted(self, path_key: str) -> str:
        return path_key if path_key in self._known else UNKNOWN_PATH
