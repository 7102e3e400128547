"""What can be the matter with a site, by name: the same in ``check``, in ``status``, in the log and in the docs."""

from __future__ import annotations

from typing import Self

import msgspec

# name: what it means, and what to do. docs/site-agent.md has this table; a test compares the two.
FINDINGS: dict[str, tuple[str, str]] = {
    "alarms-lost": (
        "The file of alarms takes nothing: alarms are shown, nobody can acknowledge.",
        "Disk space, and who owns the file of [alarms] memory; it is tried again every minute.",
    ),
    "certificate-ends": (
        "A certificate runs out within 60 days.",
        "Agent's or web app's: enrol anew with --replace. A source's: make or pin a new one (docs/opcua.md).",
    ),
    "clock-off": (
        "This machine's clock differs from the relay's by more than 5 s.",
        "Set up NTP (timedatectl; w32tm); tokens are refused from 30 s on.",
    ),
    "clock-doubtful": (
        "The web app's tokens are refused because of their times: this machine's clock or the web app's is wrong.",
        "Compare both with a radio clock; set up NTP. Nobody sees or changes anything until they agree.",
    ),
    "disk-low": (
        "Little space is left where the agent writes.",
        "Make space; once the disk is full, writing to the plant closes by itself and reading goes on.",
    ),
    "entry-closed": (
        "A [[write]] or [[command]] entry cannot be used: its source says something against it.",
        "The finding says what: mend the entry, the range or the right at the process server.",
    ),
    "figures-contradict": (
        "The figures of a tank contradict each other for more than 30 s. The state stays as it is.",
        "Look at the tank's gauges and tables, and at its units in site.toml (docs/tank-vocabulary.md).",
    ),
    "file-open": (
        "A file or folder of the agent can be written by others.",
        "Run the chmod that the finding names.",
    ),
    "folder-not-writable": (
        "The agent cannot write where it must keep something.",
        "Give the folder to the agent's user; under systemd add it to ReadWritePaths.",
    ),
    "history-lost": (
        "The local history takes nothing: its trends have a gap.",
        "Disk space, and who owns the file of [history]; it is tried again every minute.",
    ),
    "held-up": (
        "The agent's own loop was held up for more than a second.",
        "A machine that is too busy, or a disk that hangs; look at what else runs there.",
    ),
    "journal-lost": (
        "The journal takes no events, so nothing that writes is let in.",
        "Disk space, and who owns the folder of [audit]; it is tried again every minute.",
    ),
    "keys-lost": (
        "The file of keys takes nothing, so nothing that writes is let in.",
        "Disk space, and who owns the file of [acting] memory.",
    ),
    "memory-lost": (
        "The memory of presented tokens takes nothing, so nothing that writes is let in.",
        "Disk space, and who owns the file of [trust] memory; it is tried again every minute.",
    ),
    "relay-down": (
        "The agent is not online at the relay: nobody reaches this site.",
        "The reason says what: the line, the firewall, the key, the clock.",
    ),
    "relay-unreachable": (
        "No connection to the relay from this machine.",
        "Outbound TCP 443 to the relay's name must be open, and its certificate trusted.",
    ),
    "source-caution": ("A source works, and will not for ever.", "The reason says what to see to."),
    "source-degraded": ("A source works, but not as it should.", "The reason says what."),
    "source-down": (
        "A source is not there: its values are marked stale everywhere.",
        "Address, firewall, the process server's trust list and user; the reason says what.",
    ),
    "source-pace": (
        "More is watched at a source all the time than requests_per_second allows: values come late and are marked.",
        "Raise requests_per_second if the source can bear it, read groups less often, or record less ([history]).",
    ),
    "source-refused": ("A source is there and does not let its tags be read.", "The reason says what."),
    "tag-bad": ("A tag has bad quality at its source.", "Compare node with the process server's address space."),
    "tag-unanswered": ("A source gave no answer for a tag.", "Compare node with the process server's address space."),
    "other": ("Something else; the sentence says what.", "Do what the sentence says."),
}


class Named(str):
    """A finding's sentence that knows its name: what ``check`` collects."""

    code: str

    def __new__(cls, code: str, text: str) -> Self:
        made = super().__new__(cls, text)
        made.code = Finding(code, text).code
        return made


class Finding(msgspec.Struct, frozen=True):
    """One thing that is the matter: its name (a key of ``FINDINGS``) and a sentence."""

    code: str
    text: str

    def __post_init__(self) -> None:
        if self.code not in FINDINGS:
            raise ValueError(f"{self.code!r} is no finding; its list is in findings.py.")

    def __str__(self) -> str:
        return f"{self.text} [{self.code}]"


def table() -> str:
    """The table of docs/site-agent.md; ``config_table.py`` puts it there."""
    rows = ["| name | meaning | what to do |", "| --- | --- | --- |"]
    rows += [f"| `{code}` | {meaning} | {remedy} |" for code, (meaning, remedy) in FINDINGS.items()]
    return "\n".join(rows) + "\n"
