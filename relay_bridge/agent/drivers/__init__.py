"""Drivers: one per kind of source. ``build_driver`` picks the one for a ``[[source]]``.

A driver's library is imported only when a source of its kind is configured.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.config_file import AnySource, MemorySource, OpcUaSource
from relay_bridge.agent.config_rest import DeltaVEdgeSource, RestSource
from relay_bridge.agent.drivers.base import Driver
from relay_bridge.agent.drivers.memory import MemoryDriver
from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.tags import TagConfig


def build_drivers(config: SiteConfig) -> dict[str, Driver]:
    """A driver for every source, by source id."""
    return {source.id: build_driver(source, config) for source in config.sources}


def build_driver(source: AnySource, config: SiteConfig) -> Driver:
    """The driver of one source, with the tags that are its."""
    tags = [tag for tag in config.tags if tag.source == source.id]
    if isinstance(source, MemorySource):
        return MemoryDriver(source.id, [tag.id for tag in tags], source.values, change_ms=source.change_ms)
    if isinstance(source, RestSource | DeltaVEdgeSource):
        return _rest(source, tags, config)
    return _opcua(source, tags, config.passwords.get(source.id), acting=config.site.allow_writes)


def _rest(source: RestSource | DeltaVEdgeSource, tags: Sequence[TagConfig], config: SiteConfig) -> Driver:
    from relay_bridge.agent.drivers import rest  # noqa: PLC0415 - loaded where it is used

    wanted = [rest.RestTag(tag.id, tag.node, tag.kind) for tag in tags]
    secret = config.passwords.get(source.id)
    try:
        if isinstance(source, RestSource):
            rest.check_written(source.write, [entry.id for entry in config.writes if entry.tag.source == source.id])
            return rest.make_driver(
                source, wanted, secret=secret, writes=config.site.allow_writes, acks=config.site.allow_ack
            )
        from relay_bridge.agent.drivers import deltav_edge  # noqa: PLC0415

        return deltav_edge.deltav_edge_driver(source, wanted, password=secret)
    except rest.SettingsError as error:
        raise ConfigError(f'[[source]] "{source.id}": {error}.') from None


def _opcua(source: OpcUaSource, tags: Sequence[TagConfig], password: str | None, *, acting: bool) -> Driver:
    from relay_bridge.agent.drivers import opcua  # noqa: PLC0415 - its library takes half a second to import

    try:
        settings = opcua.OpcUaSettings(
            id=source.id,
            url=source.url,
            security=source.security,
            allow_insecure=source.allow_insecure,
            server_cert=source.server_cert,
            client_cert=source.client_cert,
            client_key=source.client_key,
            user=source.user,
            password=password,
            publish_ms=source.publish_ms,
            heartbeat=source.heartbeat or opcua.OpcUaSettings.heartbeat,
            stale_s=source.stale_s,
            acting=acting,
            alarms=source.alarms == "ac",
        )
        wanted = [
            opcua.OpcUaTag(
                id=tag.id,
                node=tag.node,
                kind=tag.kind,
                decimals=tag.decimals,
                deadband=tag.deadband,
                unit=tag.unit,
                range=tag.span,
            )
            for tag in tags
        ]
    except opcua.SettingsError as error:
        raise ConfigError(f"{error}.") from None
    return opcua.make_driver(settings, wanted)
