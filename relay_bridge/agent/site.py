"""What all sessions share: the site as it may be seen from outside."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from relay_bridge.agent.admission import Admission
from relay_bridge.agent.alarms.site_alarms import SiteAlarms
from relay_bridge.agent.books import Book
from relay_bridge.agent.catalog import Catalog
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.consistency import Consistency
from relay_bridge.agent.counterpart import Counterpart
from relay_bridge.agent.drivers.base import Cautioning, Driver
from relay_bridge.agent.gauges import GaugeMarks
from relay_bridge.agent.handles import LEASE
from relay_bridge.agent.health_clock import ClockWatch
from relay_bridge.agent.history.answers import History
from relay_bridge.agent.history.recorder import Recorder
from relay_bridge.agent.history.site_history import open_history
from relay_bridge.agent.journal import Journal
from relay_bridge.agent.live_plan import HEARTBEAT
from relay_bridge.agent.memories import AdmissionMemory
from relay_bridge.agent.mode_switch import Switch
from relay_bridge.agent.reads import Reads
from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.token_keys import TokenKeys
from relay_bridge.agent.trust import Trust

if TYPE_CHECKING:
    from relay_bridge.agent.acting import Acting

AGENT_NAME = "sightline-site/0.1"


@dataclass(frozen=True)
class Site:
    """One site in operation. ``lease`` and ``heartbeat`` in seconds."""

    id: str
    admission: Admission
    token_keys: TokenKeys
    ceiling: Ceiling
    catalog: Catalog
    subscriptions: Subscriptions
    reads: Reads
    history: History
    recorder: Recorder
    alarms: SiteAlarms
    gauges: GaugeMarks
    consistency: Consistency
    capabilities: tuple[str, ...]
    requests_per_second: int
    journal: Journal
    switch: Switch
    counterpart: Counterpart
    clock: Clock
    clock_watch: ClockWatch
    acting: Acting | None = None  # None: its code is not even loaded
    books: tuple[Book, ...] = ()
    cautions: Callable[[], Sequence[tuple[str, str]]] = tuple  # by source: what its driver warns of (Cautioning)
    lease: float = LEASE
    heartbeat: float = HEARTBEAT
    # New with every start: handles and sequence numbers of another epoch mean nothing.
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))


def open_site(
    config: SiteConfig,
    trust: Trust,
    drivers: Mapping[str, Driver],
    clock: Clock | None = None,
    *,
    lease: float = LEASE,
    heartbeat: float = HEARTBEAT,
) -> Site:
    """Put the parts of a site together; nothing runs yet, and no file is opened."""
    clock = clock or Clock()
    ceiling = Ceiling(config)
    token_keys = TokenKeys(
        trust.key_set, issuer=config.trust.issuer, path=Path(config.trust.token_keys), monotonic=clock.monotonic
    )
    memory = AdmissionMemory(ReplayStore(Path(config.trust.memory)))
    catalog = Catalog(config.tags, config.assets, drivers, clock.monotonic)
    subscriptions = Subscriptions(config.tags, drivers, catalog, ceiling, clock)
    journal = Journal(
        Path(config.audit.path),
        config.site.id,
        keep_days=config.audit.keep_days,
        wall_ms=clock.wall_ms,
        monotonic=clock.monotonic,
    )
    switch = Switch(Path(config.switch.folder), journal, clock.wall_ms)
    alarms = SiteAlarms(
        config,
        drivers=drivers,
        ceiling=ceiling,
        subscriptions=subscriptions,
        audit=journal,
        clock=clock,
        closed=lambda: switch.look().mode != "full",
    )
    gauges = GaugeMarks(config.tags, subscriptions, lambda tag: row.enums if (row := catalog.row(tag)) else None)
    subscriptions.mark_with(gauges.mark)
    consistency = Consistency(
        config.tags if config.site.consistency != "off" else (),
        subscriptions,
        row_of=catalog.row,
        clock=clock,
        table=alarms.table if config.site.consistency == "alarm" else None,
    )
    if config.site.consistency == "alarm":
        alarms.adopt(consistency)
    able = alarms.capabilities(frozenset().union(*(driver.capabilities for driver in drivers.values())))
    acting = _acting(
        config, drivers, subscriptions=subscriptions, ceiling=ceiling, catalog=catalog, journal=journal, switch=switch,
        clock=clock,
    )  # fmt: skip
    if acting is None:
        able -= {"write", "methods"}
    history, recorder = open_history(config, drivers, subscriptions=subscriptions, ceiling=ceiling, clock=clock)
    catalog.tell_history(history.has_history)
    return Site(
        id=config.site.id,
        admission=Admission(
            token_keys,
            issuer=config.trust.issuer,
            audience=config.trust.audience,
            memory=memory,
            can_record=lambda: journal.available,
        ),
        token_keys=token_keys,
        ceiling=ceiling,
        catalog=catalog,
        subscriptions=subscriptions,
        reads=Reads(drivers, subscriptions, ceiling, clock),
        history=history,
        recorder=recorder,
        alarms=alarms,
        gauges=gauges,
        consistency=consistency,
        capabilities=tuple(sorted(able)),
        requests_per_second=config.limits.requests_per_second,
        journal=journal,
        switch=switch,
        acting=acting,
        cautions=lambda: [
            (source, words)
            for source, driver in drivers.items()
            if isinstance(driver, Cautioning)
            for words in driver.warnings
        ],
        books=tuple(book for book in (acting, alarms.book()) if book is not None),
        counterpart=Counterpart(journal),
        clock=clock,
        clock_watch=ClockWatch(clock.monotonic),
        lease=lease,
        heartbeat=heartbeat,
    )


def _acting(
    config: SiteConfig,
    drivers: Mapping[str, Driver],
    *,
    subscriptions: Subscriptions,
    ceiling: Ceiling,
    catalog: Catalog,
    journal: Journal,
    switch: Switch,
    clock: Clock,
) -> Acting | None:
    if not config.site.allow_writes:
        return None
    # The only place that loads the code that can change anything.
    from relay_bridge.agent.acting import open_acting  # noqa: PLC0415

    return open_acting(
        config, drivers, subscriptions=subscriptions, ceiling=ceiling, catalog=catalog, journal=journal, switch=switch,
        clock=clock,
    )  # fmt: skip
