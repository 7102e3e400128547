"""The driver of one ``kind = "rest"`` source, able to do what its configuration declares and the site allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence

from relay_bridge.agent.config_rest import RestSource, RestWrite
from relay_bridge.agent.drivers.rest.alarms import Acknowledger, AlarmPolling, ListReader
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.source import RestDriver
from relay_bridge.agent.drivers.rest.units import RestTag


def make_driver(
    settings: RestSource,
    tags: Iterable[RestTag],
    *,
    secret: str | None = None,
    writes: bool = False,
    acks: bool = False,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> RestDriver:
    """``writes`` and ``acks``: what the site allows; the code for either is loaded only then. ``SettingsError``."""
    tags = list(tags)
    alarms = _alarms(settings, tags, acks=acks)
    if writes and settings.write is not None:
        from relay_bridge.agent.drivers.rest.acting import ActingRestDriver  # noqa: PLC0415 - only where allowed

        return ActingRestDriver(settings, tags, secret=secret, alarms=alarms, clock=clock, chance=chance)
    return RestDriver(settings, tags, secret=secret, alarms=alarms, clock=clock, chance=chance)


def check_written(section: RestWrite | None, written: Sequence[str]) -> None:
    """``SettingsError`` when the request that writes does not say which of several tags (``written``) is meant."""
    if section is not None and len(written) > 1 and "{id}" not in f"{section.path} {section.body}":
        raise SettingsError(
            f"write: lacks {{id}} in path or body, so {' and '.join(written[:2])} would be written to the same place"
        )


def _alarms(settings: RestSource, tags: Iterable[RestTag], *, acks: bool) -> AlarmPolling | None:
    section = settings.alarm_list
    if (section is not None) != (settings.alarms == "list"):
        raise SettingsError('alarms = "list" and the section alarm_list go together')
    if section is None:
        return None
    acknowledger: Acknowledger | None = None
    if acks and section.ack is not None:
        from relay_bridge.agent.drivers.rest.acknowledging import DeclaredAck  # noqa: PLC0415 - only where allowed

        acknowledger = DeclaredAck(section.ack)
    nodes = {tag.node.partition("#")[2]: tag.node for tag in tags}
    return AlarmPolling(settings.id, ListReader(settings.id, section, nodes), section.interval_s, acknowledger)
