"""What every driver is to the agent: something that keeps tags up to date and answers fresh reads.

A driver supervises its own connection (connect, subscribe, watch the source's heartbeat, reconnect with jitter)
and never raises out of ``run`` except when cancelled: a dead source is a state, not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from relay_bridge.contract.messages import CatalogTag, SourceState
from relay_bridge.contract.readings import Reading

# SourceState.code
OK: Final = 0
DEGRADED: Final = 1
DOWN: Final = 2

CLOCK_TOLERANCE: Final = 5.0  # seconds that two clocks may differ; beyond, an age made of both would be false


class Sink(Protocol):
    """Where a driver puts what it learns. Both calls are synchronous, cheap and coalescing."""

    def put(self, tag: str, reading: Reading) -> None:
        """The newest reading of a tag; an older one that was not yet sent is forgotten."""

    def source_state(self, source: str, state: SourceState) -> None:
        """The source changed its state. On DOWN the agent tells every stream at once."""


class Driver(Protocol):
    """One source (a process server) of the configuration."""

    source: str  # the source's id
    capabilities: frozenset[str]  # of: read, subscribe, history_raw, history_aggregate, alarms, ack, write, methods

    async def run(self, sink: Sink) -> None:
        """Supervise the connection until cancelled; closes its session at the source on the way out."""

    def watch(self, tags: Iterable[str]) -> None:
        """From now on keep these tags current (idempotent; survives reconnects)."""

    def unwatch(self, tags: Iterable[str]) -> None:
        """Nobody watches these tags any more."""

    async def read(self, tags: Sequence[str], deadline: float) -> Mapping[str, Reading]:
        """Read the source itself, every tag once, within ``deadline`` seconds.

        A tag that cannot be read has a bad reading with the reason as its quality; a source that is down
        raises ``RequestRefused("source_down", ...)``.
        """

    def describe(self) -> Mapping[str, CatalogTag]:
        """What the source itself says of its tags (unit, range, decimals) as far as it is known by now."""


@runtime_checkable
class Noting(Protocol):
    """A driver that can say what its configuration asks of the source."""

    def notes(self) -> list[str]:
        """Sentences for ``check``, without a full stop; they stay on this machine."""


class Load(NamedTuple):
    """Requests a second: what reading takes, and what the configuration allows."""

    wanted: float
    allowed: float

    @property
    def is_too_much(self) -> bool:
        return self.wanted > self.allowed * (1 + 1e-9)


@runtime_checkable
class Paced(Protocol):
    """A driver that asks for its values, and no more often than it may."""

    def load(self, tags: Iterable[str]) -> Load:
        """What it takes to keep these tags current, with all that is asked in any case."""


@runtime_checkable
class Preferring(Protocol):
    """A driver that may have to choose what it reads first."""

    def prefer(self, tags: Iterable[str], *, preferred: bool) -> None:
        """Somebody looks at these watched tags, or nobody does any more and they are only recorded."""


@runtime_checkable
class Describing(Protocol):
    """A driver that asks its source about the tags, which takes a while."""

    @property
    def is_asking(self) -> bool:
        """Whether the source may still say something of tags that ``describe`` does not know yet."""


@runtime_checkable
class Digits(Protocol):
    """A driver whose source writes numbers as text, so that their precision can be seen."""

    def digits(self) -> Mapping[str, int]:
        """Places behind the point by tag, as far as they were seen by now. They never become fewer."""


@runtime_checkable
class Cautioning(Protocol):
    """A driver that can say what somebody should see to although the source works."""

    @property
    def warnings(self) -> Sequence[str]:
        """Clauses without paths, addresses and a full stop."""
