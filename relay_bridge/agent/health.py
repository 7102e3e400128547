"""``Health``: how a running agent stands, with a name and a reason for everything that is the matter.

    down       nobody reaches the site (relay), or no source of it is there
    degraded   something is the matter; everything else goes on
    ok         nothing is

Looking asks nobody: every part says how it is, and the disk's free space is asked for in a thread.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

from relay_bridge.agent.config import SiteConfig
from relay_bridge.agent.findings import Finding
from relay_bridge.agent.site import AGENT_NAME, Site
from relay_bridge.agent.status_report import RelayStatus, SourceStatus, State, StatusReport, WritesStatus
from relay_bridge.agent.trust import Trust

if TYPE_CHECKING:
    from relay_bridge.agent.uplink import Uplink

DISK_LOW = 200  # MiB free below which it is said; the journal alone may take 400 in the end
ENDS_SOON = dt.timedelta(days=60)  # before the end of a certificate: an enrolment needs people at both ends
HELD_UP = 1000  # ms that the loop may be late before it is said
MIB = 1024 * 1024
MAX_CERTIFICATE = 64 * 1024  # bytes
_STATES: dict[int, State] = {0: "ok", 1: "degraded", 2: "down"}


class Machine(NamedTuple):
    """``disk_free`` in bytes, the least of all folders, None when nobody knows; certificates of sources that end."""

    disk_free: int | None
    certificates: tuple[Finding, ...]


class Health:
    """One site's. ``look`` any time."""

    def __init__(self, config: SiteConfig, site: Site, uplink: Uplink, trust: Trust) -> None:
        self._config = config
        self._site = site
        self._uplink = uplink
        self._trust = trust
        self._started = site.clock.wall_ms()
        self._tags = {source.id: 0 for source in config.sources}
        for tag in config.tags:
            self._tags[tag.source] += 1

    def ask_machine(self) -> Machine:
        """What takes a look at the disk; for a thread."""
        now = dt.datetime.fromtimestamp(self._site.clock.wall(), dt.UTC)
        return Machine(least_free(folders_of(self._config)), tuple(source_certificates(self._config, now)))

    def look(self, machine: Machine | None = None, *, lag_ms: int = 0) -> StatusReport:
        """The report of this moment. ``machine``: what ``ask_machine`` last found, if it has been asked."""
        machine = machine or Machine(None, ())
        config, site, disk_free = self._config, self._site, machine.disk_free
        findings = [
            *self._relay(),
            *self._sources(),
            *self._cautions(machine.certificates),
            *self._stores(),
            *self._entries(),
            *self._machine(disk_free),
            *machine.certificates,
        ]
        if lag_ms > HELD_UP:
            findings.append(Finding("held-up", f"The agent was held up for {lag_ms / 1000:.1f} s."))
        keys = site.token_keys.answer()
        acting, entries = site.acting, (*config.writes, *config.commands)
        relay = self._uplink.state
        return StatusReport(
            v=1,
            state=self._state(findings),  # a tank's own figures say nothing of how the agent stands
            at=site.clock.wall_ms(),
            started=self._started,
            pid=os.getpid(),
            agent=AGENT_NAME,
            site=site.id,
            name=config.site.name,
            findings=[*findings, *self._figures()],
            relay=RelayStatus(status=relay.status, since=int(relay.since * 1000), reason=relay.reason),
            sessions=self._uplink.sessions,
            sources=[
                SourceStatus(
                    id=source, state=_STATES[found.code], since=found.since, reason=found.reason,
                    tags=self._tags.get(source, 0),
                )
                for source, found in site.subscriptions.states().items()
            ],
            tags=len(config.tags),
            watched=site.subscriptions.watched(),
            history=site.recorder.state,
            alarms="" if site.alarms.kept else "the file of alarms cannot be used",
            journal=site.journal.available,
            seq=site.journal.head[0],
            memory=site.admission.memory.durable,
            mode=site.switch.mode,
            writes=WritesStatus(
                allowed=acting is not None,
                entries=len(entries) if acting is not None else 0,
                open=0 if acting is None else sum(not acting.openings.reason(entry) for entry in entries),
                kept=acting is not None and acting.available,
            ),
            agent_certificate_ends=_ms(self._trust.agent.not_after),
            web_app_certificate_ends=_ms(self._trust.web_app.not_after),
            token_keys=len(keys.kids),
            token_keys_sequence=keys.sequence,
            disk_free_mb=None if disk_free is None else disk_free // MIB,
            rss_mb=_rss_mb(),
            lag_ms=lag_ms,
        )  # fmt: skip

    def _state(self, findings: Sequence[Finding]) -> State:
        states = self._site.subscriptions.states().values()
        if self._uplink.state.status != "online" or all(state.code == 2 for state in states):
            return "down"
        return "degraded" if findings else "ok"

    def _relay(self) -> Iterable[Finding]:
        state = self._uplink.state
        if state.status != "online":
            yield Finding("relay-down", f"Not online at the relay: {state.reason or state.status}.")

    def _sources(self) -> Iterable[Finding]:
        for source, state in self._site.subscriptions.states().items():
            if state.code:
                word = "is down" if state.code == 2 else "is degraded"
                code = "source-down" if state.code == 2 else "source-degraded"
                yield Finding(code, f"The source {source} {word}: {state.reason or 'it has not been reached yet'}.")

    def _cautions(self, told: Sequence[Finding]) -> Iterable[Finding]:
        """What the drivers themselves warn of; certificates that stand in a file are ``told`` already."""
        for source, words in self._site.cautions():
            if not any(f'"{source}"' in finding.text for finding in told):
                yield Finding("source-caution", f"The source {source} works, but {words}.")

    def _stores(self) -> Iterable[Finding]:
        site = self._site
        if not site.journal.available:
            yield Finding("journal-lost", "The journal takes no events: nothing that writes is let in.")
        if not site.admission.memory.durable:
            yield Finding("memory-lost", "Presented tokens cannot be kept: nothing that writes is let in.")
        if site.acting is not None and not site.acting.available:
            yield Finding("keys-lost", "The keys of actions cannot be kept: nothing that writes is let in.")
        if not site.alarms.kept:
            yield Finding("alarms-lost", "The file of alarms takes nothing: nobody can acknowledge.")
        if site.recorder.state:
            yield Finding("history-lost", f"{site.recorder.state.capitalize()}: trends have a gap.")

    def _entries(self) -> Iterable[Finding]:
        acting, states = self._site.acting, self._site.subscriptions.states()
        if acting is None:
            return
        for entry in (*self._config.writes, *self._config.commands):
            reason = acting.openings.reason(entry)
            if reason and states[entry.tag.source].code != 2:
                yield Finding("entry-closed", f"{entry.id} cannot be changed: {reason}")

    def _figures(self) -> Iterable[Finding]:
        for found in self._site.consistency.findings():
            yield Finding("figures-contradict", f"{found.asset}: {found.words}.")

    def _machine(self, disk_free: int | None) -> Iterable[Finding]:
        doubt = self._site.clock_watch.doubt
        if doubt:
            yield Finding("clock-doubtful", f"A clock is wrong, this machine's or the web app's: {doubt}.")
        if disk_free is not None and disk_free < DISK_LOW * MIB:
            yield Finding("disk-low", f"{disk_free // MIB} MiB are free where the agent writes.")
        yield from certificate_findings(self._trust, dt.datetime.fromtimestamp(self._site.clock.wall(), dt.UTC))


def certificate_findings(trust: Trust, now: dt.datetime) -> Iterable[Finding]:
    """What runs out within ``ENDS_SOON``."""
    certificates = {"agent_cert": ("agent's", trust.agent), "web_app_pin": ("web app's", trust.web_app)}
    for key, (whose, certificate) in certificates.items():
        if certificate.not_after - now < ENDS_SOON:
            yield Finding(
                "certificate-ends",
                f"[trust] {key}: the {whose} certificate runs out on {certificate.not_after:%Y-%m-%d}: "
                "renew it and pin the new one.",
            )


def source_certificates(config: SiteConfig, now: dt.datetime) -> Iterable[Finding]:
    """Certificates that the sources' connections rest on. What is no certificate is its driver's to say."""
    for source in config.sources:
        for key in ("server_cert", "client_cert", "ca_cert"):
            path = getattr(source, key, None)
            ends = _ends(Path(path)) if path is not None else None
            if ends is not None and ends - now < ENDS_SOON:
                yield Finding(
                    "certificate-ends",
                    f'[[source]] "{source.id}": {key}: the certificate runs out on {ends:%Y-%m-%d}: make or pin a new '
                    "one.",
                )


def folders_of(config: SiteConfig) -> list[Path]:
    """Where the agent writes, by the configuration; each once."""
    trust = config.trust
    files = [trust.memory, trust.token_keys, config.history.file, config.alarms.memory, config.status.file]
    if config.site.allow_writes:
        files.append(config.acting.memory)
    return list(dict.fromkeys([*(Path(file).parent for file in files), Path(config.audit.path)]))


def least_free(folders: Sequence[Path]) -> int | None:
    """Bytes free for this user in the fullest of ``folders``; None when none can be asked. May wait for a disk."""
    found = []
    for folder in folders:
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            found.append(shutil.disk_usage(place).free)
        except OSError:
            continue
    return min(found, default=None)


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def _rss_mb() -> int | None:
    """Memory of this process now, on Linux; elsewhere nobody asks."""
    try:
        with Path("/proc/self/statm").open("rb") as file:
            return int(file.read(200).split()[1]) * os.sysconf("SC_PAGE_SIZE") // MIB
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _ends(path: Path) -> dt.datetime | None:
    """The first end of the certificates in a PEM or DER file; None when it holds none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CERTIFICATE)
        if b"-----BEGIN" in data:
            return min(found.not_valid_after_utc for found in x509.load_pem_x509_certificates(data))
        return x509.load_der_x509_certificate(data).not_valid_after_utc
    except (OSError, ValueError):
        return None
