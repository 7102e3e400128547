"""What ``sightline-site check`` says of the machine: files, folders, disk, certificates, the relay and the clock.

The relay is asked one plain question without a token: no second listener takes a share of a running agent's streams.
Its answer's ``Date`` (RFC 9110, 6.6.1) is what the clock is compared with: the relay is what judges our times first.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.findings import Finding
from relay_bridge.agent.health import DISK_LOW, MIB, certificate_findings, folders_of, least_free, source_certificates
from relay_bridge.agent.trust import Trust
from relay_bridge.protocol.addresses import authority
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import RelayError
from relay_bridge.transport.dial import open_connection
from relay_bridge.transport.http_connection import HttpConnection

RELAY_DEADLINE = 8.0  # seconds for name, TCP, TLS and an answer
CLOCK_TOLERANCE = 5.0  # seconds; the site's 30 s are for the way, not for the clock


async def machine_findings(config: SiteConfig, trust: Trust, out: TextIO, *, relay: bool = True) -> list[Finding]:
    """Everything that is the matter with this machine; what was looked at is printed. ``relay``: ask it as well."""
    findings = [
        *certificate_findings(trust, dt.datetime.now(dt.UTC)),
        *source_certificates(config, dt.datetime.now(dt.UTC)),
        *open_files(config),
    ]
    findings += await asyncio.to_thread(lambda: [*folder_findings(config), *disk_findings(config, out)])
    return findings + (await relay_findings(config.relay, out) if relay else [])


def open_files(config: SiteConfig) -> Iterable[Finding]:
    """What others could write: who may do that chooses whom this agent trusts. POSIX only.

    Keys and secrets must be closed to readers as well; the agent does not start otherwise (secret_files.py).
    """
    if os.name != "posix":
        return
    base, trust = config.path.parent, config.trust
    places = [base, config.path, Path(trust.token_keys).parent, Path(trust.agent_key).parent]
    places += [Path(path) for path in (trust.token_keys, trust.web_app_pin, trust.agent_cert)]
    for source in config.sources:
        pins = (getattr(source, key, None) for key in ("server_cert", "client_cert", "ca_cert"))
        places += [Path(pin) for pin in pins if pin is not None]
    for path in dict.fromkeys([*places, *folders_of(config)]):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o022:
            yield Finding("file-open", f"{path} can be written by others (mode {mode:04o}); run: chmod go-w {path}")


def folder_findings(config: SiteConfig) -> Iterable[Finding]:
    """Folders that this user cannot write; tried, not guessed. A folder that is missing is made by the agent."""
    for folder in folders_of(config):
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            why = error.strerror or "it cannot be used"
            yield Finding("folder-not-writable", f"The agent must write in {folder}, and this user cannot: {why}.")


def disk_findings(config: SiteConfig, out: TextIO) -> Iterable[Finding]:
    free = least_free(folders_of(config))
    if free is None:
        return
    out.write(f"Disk: {free // MIB} MiB free where the agent writes.\n")
    if free < DISK_LOW * MIB:
        yield Finding("disk-low", f"{free // MIB} MiB are free where the agent writes; {DISK_LOW} are wanted.")


async def relay_findings(
    connection: ConnectionString, out: TextIO, *, clock: Callable[[], float] = time.time
) -> list[Finding]:
    """Whether the relay answers, and whether it has the same time."""
    place = authority(connection.host, connection.port, connection.use_tls)
    sent = clock()
    try:
        async with asyncio.timeout(RELAY_DEADLINE):
            date = await _ask(connection, place)
    except TimeoutError:
        return [Finding("relay-unreachable", f"The relay at {place} did not answer within {RELAY_DEADLINE:g} s.")]
    except RelayError as error:
        text = str(error)
        return [Finding("relay-unreachable", f"{text[:1].upper()}{text[1:]}.")]
    received = clock()
    if date is None:
        out.write(f"Relay: {place} answers; it does not say what time it is, so the clock is not compared.\n")
        return []
    # Whole seconds, cut off: the truth is half a second later on average; the way there and back is not known either.
    off = (sent + received) / 2 - (date + 0.5)
    out.write(f"Relay: {place} answers; this machine's clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}.\n")
    if abs(off) <= CLOCK_TOLERANCE + (received - sent) / 2:
        return []
    way = "ahead of" if off > 0 else "behind"
    return [Finding("clock-off", f"This machine's clock is {abs(off):.0f} s {way} the relay's: set up NTP.")]


async def _ask(connection: ConnectionString, place: str) -> float | None:
    """The relay's ``Date`` in epoch seconds, whatever else it answers; None without one."""
    asking = await open_connection(
        lambda: HttpConnection(place), connection.host, connection.port, connection.use_tls, open_timeout=RELAY_DEADLINE
    )
    try:
        head = f"GET / HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        asking.start("GET", head.encode("ascii"), sent=True)
        answer = await asking.read_head()
    finally:
        asking.abort()
    try:
        moment = email.utils.parsedate_to_datetime(answer.headers.get("date") or "")
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
