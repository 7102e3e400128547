"""What all sessions share: the site as it may be seen from outside."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relay_bridge.agent.admission import Admission
from relay_bridge.agent.catalog import Catalog
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.counterpart import Counterpart
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.handles import LEASE
from relay_bridge.agent.journal import Journal
from relay_bridge.agent.live_plan import HEARTBEAT
from relay_bridge.agent.memories import AdmissionMemory
from relay_bridge.agent.reads import Reads
from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.token_keys import TokenKeys
from relay_bridge.agent.trust import Trust

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
    capabilities: tuple[str, ...]
    requests_per_second: int
    journal: Journal
    counterpart: Counterpart
    clock: Clock
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
        capabilities=tuple(sorted(set().union(*(driver.capabilities for driver in drivers.values())))),
        requests_per_second=config.limits.requests_per_second,
        journal=journal,
        counterpart=Counterpart(journal),
        clock=clock,
        lease=lease,
        heartbeat=heartbeat,
    )
