"""What all sessions share: the site as it may be seen from outside."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from relay_bridge.agent.admission import Admission
from relay_bridge.agent.catalog import Catalog
from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.handles import LEASE
from relay_bridge.agent.live_plan import HEARTBEAT
from relay_bridge.agent.reads import Reads
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.trust import Trust

AGENT_NAME = "sightline-site/0.1"


@dataclass(frozen=True)
class Site:
    """One site in operation. ``lease`` and ``heartbeat`` in seconds."""

    id: str
    admission: Admission
    ceiling: Ceiling
    catalog: Catalog
    subscriptions: Subscriptions
    reads: Reads
    capabilities: tuple[str, ...]
    requests_per_second: int
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
    """Put the parts of a site together; nothing runs yet."""
    clock = clock or Clock()
    ceiling = Ceiling(config)
    catalog = Catalog(config.tags, config.assets, drivers, clock.monotonic)
    subscriptions = Subscriptions(config.tags, drivers, catalog, ceiling, clock)
    return Site(
        id=config.site.id,
        admission=Admission(trust.token_keys, issuer=config.trust.issuer, audience=config.trust.audience),
        ceiling=ceiling,
        catalog=catalog,
        subscriptions=subscriptions,
        reads=Reads(drivers, subscriptions, ceiling, clock),
        capabilities=tuple(sorted(set().union(*(driver.capabilities for driver in drivers.values())))),
        requests_per_second=config.limits.requests_per_second,
        clock=clock,
        lease=lease,
        heartbeat=heartbeat,
    )
