"""What the agent itself watches all the time, held against what a source may be asked: said before the first start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from relay_bridge.agent.drivers.base import Driver, Paced
from relay_bridge.agent.findings import Named
from relay_bridge.agent.site import Site


def pace_findings(site: Site, drivers: Mapping[str, Driver]) -> list[str]:
    """Sources whose values will come late whoever looks. What people watch comes on top; ``notes`` tells of that."""
    always = always_watched(site)
    findings: list[str] = []
    for source, driver in drivers.items():
        if not isinstance(driver, Paced):
            continue
        load = driver.load(always)
        if load.is_too_much:
            text = (
                f'[[source]] "{source}": what is watched in any case (local history, limit alarms, checks) takes '
                f"{load.wanted:.1f} requests a second, and requests_per_second allows {load.allowed:g}: its values "
                "will come late and be marked. Raise it, read groups less often, or let less be recorded ([history])."
            )
            findings.append(Named("source-pace", text))
    return findings


def always_watched(site: Site) -> Iterable[str]:
    """Tags that are watched for as long as the agent runs."""
    parts = (site.recorder, site.alarms.limits, site.gauges, site.consistency)
    return {tag for part in parts for tag in part.watched}
