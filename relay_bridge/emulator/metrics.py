"""Prometheus metrics of one relay, asked for when somebody scrapes. Names follow the service's own metrics.

Series are bounded: a hybrid connection's path is a label only while the configuration has it, ``path=""`` stands for
everything else; operations, results, statuses and directions are closed lists.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from relay_bridge.emulator.operations import DURATION_BOUNDS, Durations, Operations

# How a handshake or request ended, as the service's metrics count it.
RESULTS: Final = ("success", "client_error", "server_error")


class MeasuredRelay(Protocol):
    """The relay as its metrics see it. Counts are by path key."""

    @property
    def operations(self) -> Operations: ...
    @property
    def connection_count(self) -> int: ...
    @property
    def request_count(self) -> int: ...
    def listener_counts(self) -> dict[str, int]: ...
    def stream_counts(self) -> dict[str, int]: ...


class RelayMetrics(Collector):
    """``scrape`` gives what a Prometheus server reads; the registry is this relay's own."""

    def __init__(self, relay: MeasuredRelay) -> None:
        self._relay = relay
        self._scraping = asyncio.Lock()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Nothing: there is one collector, so no name can stand twice."""
        return ()

    def collect(self) -> Iterator[Metric]:
        return Snapshot(self._relay).collect()

    async def scrape(self) -> tuple[str, bytes]:
        """Content type and text. Ten thousand hybrid connections are a second's work: a thread does it, one at a time,
        from a copy, and the relay goes on meanwhile."""
        async with self._scraping:
            return CONTENT_TYPE_LATEST, await asyncio.to_thread(generate_latest, Snapshot(self._relay))


class Snapshot(Collector):
    """The counts of one moment."""

    def __init__(self, relay: MeasuredRelay) -> None:
        operations = relay.operations
        self._listeners = relay.listener_counts()
        self._streams = relay.stream_counts()
        self._connections = relay.connection_count
        self._requests = relay.request_count
        self._counts = operations.counts.copy()
        self._refusals = operations.refusals.copy()
        self._responses = operations.responses.copy()
        self._traffic = [
            (path_key, traffic.to_listener, traffic.to_sender) for path_key, traffic in operations.traffic.items()
        ]
        self._accepts = _buckets(operations.accepts)
        self._exchanges = _buckets(operations.exchanges)

    def collect(self) -> Iterator[Metric]:
        yield _gauge("relay_active_listeners", "ActiveListeners: control channels open now.", self._listeners)
        yield _gauge("relay_active_streams", "Senders joined to a listener now.", self._streams)
        yield GaugeMetricFamily(
            "relay_active_connections",
            "ActiveConnections: WebSockets open now: control channels, waiting senders, both ends of every stream.",
            value=self._connections,
        )
        yield GaugeMetricFamily("relay_active_requests", "HTTP requests on their way now.", value=self._requests)
        yield self._bytes()
        yield self._operations()
        yield self._handshakes("relay_listener_connections", "ListenerConnections", "listen", _LISTENER_JOINED)
        yield self._handshakes("relay_sender_connections", "SenderConnections", "connect", _SENDER_JOINED)
        yield self._by_class()
        yield self._refused()
        yield HistogramMetricFamily(
            "relay_accept_duration_seconds",
            "From a sender's handshake to its joined stream.",
            buckets=self._accepts[0],
            sum_value=self._accepts[1],
        )
        yield HistogramMetricFamily(
            "relay_http_duration_seconds",
            "From an HTTP request's head to the end of its response.",
            buckets=self._exchanges[0],
            sum_value=self._exchanges[1],
        )

    def _bytes(self) -> Metric:
        family = CounterMetricFamily(
            "relay_bytes_transferred",
            "BytesTransferred: payload of WebSockets and HTTP bodies.",
            labels=["path", "direction"],
        )
        for path_key, to_listener, to_sender in sorted(self._traffic):
            family.add_metric([path_key, "to_listener"], to_listener)
            family.add_metric([path_key, "to_sender"], to_sender)
        return family

    def _operations(self) -> Metric:
        family = CounterMetricFamily(
            "relay_operations", "What happened, under the service's diagnostic names.", labels=["operation", "path"]
        )
        for (operation, path_key), count in sorted(self._counts.items()):
            family.add_metric([operation, path_key], count)
        return family

    def _handshakes(self, name: str, service_name: str, wanted: str, joined: str) -> Metric:
        results: Counter[str] = Counter()
        results["success"] = sum(count for (operation, _), count in self._counts.items() if operation == joined)
        for (refused, status), count in self._refusals.items():
            if refused == wanted:
                results["server_error" if status >= 500 else "client_error"] += count
        family = CounterMetricFamily(name, f"{service_name} by result.", labels=["result"])
        for result in RESULTS:
            family.add_metric([result], results[result])
        return family

    def _by_class(self) -> Metric:
        family = CounterMetricFamily(
            "relay_http_requests",
            "HTTP requests by the hundreds of the status that was answered.",
            labels=["path", "status_class"],
        )
        for (path_key, hundreds), count in sorted(self._responses.items()):
            family.add_metric([path_key, f"{hundreds}xx"], count)
        return family

    def _refused(self) -> Metric:
        family = CounterMetricFamily(
            "relay_refusals",
            "What the relay itself refused, by what was wanted and status.",
            labels=["wanted", "status"],
        )
        for (wanted, status), count in sorted(self._refusals.items()):
            family.add_metric([wanted, str(status)], count)
        return family


_LISTENER_JOINED: Final = "NewListenerRegistered"
_SENDER_JOINED: Final = "SenderListenerConnectionEstablished"


def _gauge(name: str, text: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["path"])
    for path_key, value in sorted(values.items()):
        family.add_metric([path_key], value)
    return family


def _buckets(durations: Durations) -> tuple[list[tuple[str, float]], float]:
    """Counts up to each bound, as Prometheus wants them, and the sum in seconds."""
    bounds = [*(f"{bound:g}" for bound in DURATION_BOUNDS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(durations.counts)), strict=True)), durations.total
