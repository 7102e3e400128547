"""The history of one site put together: which tags the ring records, and what answers ``hist``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from relay_bridge.agent.ceiling import Ceiling
from relay_bridge.agent.clock import Clock
from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.config_file import AnySource, OpcUaSource
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.history.answers import History
from relay_bridge.agent.history.recorder import Recorder
from relay_bridge.agent.history.ring_store import RingStore
from relay_bridge.agent.subscriptions import Subscriptions
from relay_bridge.agent.tags import TagConfig

MIB = 1024 * 1024
_KEEPING = frozenset({"history_raw", "history_aggregate"})
logger = logging.getLogger(__name__)


def open_history(
    config: SiteConfig,
    drivers: Mapping[str, Driver],
    *,
    subscriptions: Subscriptions,
    ceiling: Ceiling,
    clock: Clock,
) -> tuple[History, Recorder]:
    """The two parts; nothing runs yet, and no file is opened."""
    section = config.history
    tags = tags_to_record(config, drivers)
    recorder = Recorder(
        tags, subscriptions, RingStore(Path(section.file), section.max_mb * MIB), clock, hours=section.ring_hours
    )
    return History(drivers, subscriptions, ceiling, recorder, clock), recorder


def _keeps(source: AnySource, driver: Driver) -> bool:
    """Every OPC UA driver can ask for history, and most servers have none: there the configuration has to say it."""
    return source.history if isinstance(source, OpcUaSource) else bool(_KEEPING & driver.capabilities)


def tags_to_record(config: SiteConfig, drivers: Mapping[str, Driver]) -> list[TagConfig]:
    """The first ``max_tags`` of those whose history nobody else keeps (or of all)."""
    section = config.history
    if section.ring == "off":
        return []
    keeping = {source.id for source in config.sources if _keeps(source, drivers[source.id])}
    wanted = [tag for tag in config.tags if section.ring == "all" or tag.source not in keeping]
    if len(wanted) > section.max_tags:
        logger.warning(
            "local history: %d tags would be recorded, [history] max_tags allows %d; the others have no trend.",
            len(wanted),
            section.max_tags,
        )
    return wanted[: section.max_tags]
