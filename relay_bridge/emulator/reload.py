"""The configuration file changes, the relay follows: looked at twice a second, and at once on SIGHUP.

A bad file never replaces a good configuration: the old one stays, and one sentence in the log says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Final, Protocol

from relay_bridge.emulator.management.config import ManagementConfig, load_management
from relay_bridge.emulator.namespace import ConfigError, EmulatorConfig, load_config

logger = logging.getLogger(__name__)

POLL: Final = 0.5  # seconds between looks at the file


class Reconfigurable(Protocol):
    """What follows a file. ``apply_config`` raises ``ConfigError``, and goes on as before, for what does not fit."""

    def apply_config(self, config: EmulatorConfig) -> None: ...


class ConfigFile:
    """A configuration file and what was last seen of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.management: ManagementConfig | None = None  # as it was when the relay started
        self._seen: tuple[int, ...] | None = None

    def load(self) -> EmulatorConfig:
        """Read it, and remember which version that was. Raises ``ConfigError``."""
        self._seen = self._version()  # before reading: a change in between is then seen at the next look
        return load_config(self.path)

    def load_management(self) -> ManagementConfig | None:
        """Where the management port is to be, for the relay's start. Raises ``ConfigError``."""
        self.management = load_management(self.path)
        return self.management

    def has_changed(self) -> bool:
        return self._version() != self._seen

    def _version(self) -> tuple[int, ...] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        # The inode too: a file that is replaced by renaming may keep time and size.
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


async def follow(file: ConfigFile, relay: Reconfigurable, now: asyncio.Event) -> None:
    """Reload whenever ``file`` changes or ``now`` is set, until cancelled."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await now.wait()
        if now.is_set() or file.has_changed():
            now.clear()
            reload_once(file, relay)


def reload_once(file: ConfigFile, relay: Reconfigurable) -> bool:
    """Load ``file`` and apply it; False, with one sentence in the log, when it is bad."""
    try:
        config = file.load()
        if load_management(file.path) != file.management:
            logger.warning("The table [management] of %s has changed; that counts at the next start.", file.path)
        relay.apply_config(config)
    except ConfigError as error:
        logger.error("The relay keeps its configuration, because the new one is bad: %s", error)  # noqa: TRY400
        return False
    logger.info("The relay has read %s: %d hybrid connections.", file.path, len(config.hybrid_connections))
    return True
